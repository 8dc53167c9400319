// Results as pictures and videos.

import { urlOf } from './api.js';
import { calm, el } from './dom.js';
import { shorten } from './text.js';

/// A result's address; "" where it is not one of this server's results.
export function resultUrl(result, { download = false } = {}) {
  if (!/^\/v1\/results\/[a-z0-9_]+\/[0-9]+(\?[\w=&-]*)?$/.test(result.url)) return '';
  const url = urlOf(result.url);
  return download ? `${url}${url.includes('?') ? '&' : '?'}download=1` : url;
}

export const isVideo = (result) => result.content_type.startsWith('video/');

/// What a result shows, in words: its prompt.
export const altText = (job) => shorten(job.request.prompt || 'no prompt', 200);

// Videos are fetched when they are seen first, and play while they are, unless somebody wants things to keep still.
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) target.preload = 'metadata';
    if (isIntersecting && !calm.matches) target.play().catch(() => {});
    else target.pause();
  }
});

/// A picture or a video without controls. @param alt  "" where its button says it already
export function thumbnail(job, result, alt) {
  const size = { width: result.width, height: result.height };
  if (!isVideo(result)) {
    return el('img', { src: resultUrl(result), alt, loading: 'lazy', decoding: 'async', ...size });
  }
  const video = el('video', { src: resultUrl(result), loop: true, playsinline: true, preload: 'none', 'aria-label': alt || null, ...size });
  if (alt === '') video.setAttribute('aria-hidden', 'true');
  video.muted = true;
  seen.observe(video);
  return video;
}

/// The whole of it, large.
export function fullSize(job, result) {
  const alt = altText(job);
  const size = { width: result.width, height: result.height };
  if (!isVideo(result)) return el('img', { src: resultUrl(result), alt, ...size });
  const video = el('video', { src: resultUrl(result), loop: true, playsinline: true, controls: true, 'aria-label': alt, ...size });
  video.muted = true;
  video.autoplay = !calm.matches;
  return video;
}

/// A button with a result that opens it.
export function tile(job, result, open) {
  const which = job.results.length > 1 ? `, ${result.index + 1} of ${job.results.length}` : '';
  const kind = job.kind === 'video' ? 'video' : 'picture';
  return el(
    'button',
    {
      type: 'button',
      class: 'tile',
      'data-job': job.id,
      'data-index': result.index,
      'aria-label': `Open ${kind}${which}: ${shorten(job.request.prompt || 'no prompt', 100)}`,
      on: { click: () => open(job.id, result.index) },
    },
    thumbnail(job, result, ''),
    job.kind === 'video' ? el('span', { class: 'badge', 'aria-hidden': 'true', text: 'video' }) : null,
  );
}
