// The dialog with one result, its parameters, and the way to the next.

import { $, announce, el, setText } from './dom.js';
import { fullSize, isVideo, resultUrl } from './media.js';
import { duration, fileSize, number, plural, sentence } from './text.js';

const kNames = {
  negative_prompt: 'Negative prompt',
  num_inference_steps: 'Steps',
  guidance_scale: 'Guidance',
  scheduler: 'Scheduler',
  flow_shift: 'Flow shift',
};

// What was asked for and what the model added to it, by name.
function parameters(job, result) {
  const facts = [['Model', job.model], ['Size', `${result.width} × ${result.height}`]];
  if (result.num_frames) {
    const fps = result.fps ?? 16;
    facts.push(['Length', `${plural(result.num_frames, 'frame')}, ${number(fps)} a second: ${duration(result.num_frames / fps)}`]);
  }
  facts.push(['Seed', String(result.seed)]);
  for (const [name, label] of Object.entries(kNames)) {
    const value = job.request[name] ?? (name === 'negative_prompt' ? undefined : result.parameters?.[name]);
    if (typeof value === 'number') facts.push([label, number(value)]);
    else if (typeof value === 'string' && value !== '') facts.push([label, value]);
  }
  for (const { name, scale } of job.request.loras ?? []) facts.push(['LoRA', `${name}, ${number(scale ?? 1)}`]);
  facts.push(['File', `${result.content_type.split('/')[1]}, ${fileSize(result.bytes)}`]);
  facts.push(['Made', new Date(job.finished_at * 1000).toLocaleString()]);
  if (job.started_at) facts.push(['Took', duration(job.finished_at - job.started_at)]);
  if (job.expires_at) facts.push(['Kept until', new Date(job.expires_at * 1000).toLocaleString()]);
  return facts;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Only pages of https and of this machine may; the old way works elsewhere.
    const area = el('textarea', { 'aria-hidden': 'true', class: 'visually-hidden' });
    area.value = text;
    $('viewer').append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export class Viewer {
  #gallery;
  #dialog = $('viewer');
  #shown = null;  // {job, result}
  #after = null;  // what happens when the dialog is closed, instead of going back to the gallery
  #actions;

  /// @param actions  {use(job, result), remove(job): a Promise}
  constructor(gallery, jobs, actions) {
    this.#gallery = gallery;
    this.#actions = actions;
    $('viewer-close').addEventListener('click', () => this.#dialog.close());
    $('viewer-previous').addEventListener('click', () => this.#step(-1));
    $('viewer-next').addEventListener('click', () => this.#step(1));
    this.#dialog.addEventListener('keydown', (event) => this.#key(event));
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();  // beside it
    });
    this.#dialog.addEventListener('close', () => {
      $('viewer-media').replaceChildren();  // a video would play on
      const { job, result } = this.#shown;
      const after = this.#after ?? (() => this.#gallery.focus(job.id, result.index));
      this.#shown = this.#after = null;
      after();
    });
    $('viewer-use').addEventListener('click', () => {
      const { job, result } = this.#shown;
      this.#after = () => this.#actions.use(job, result);
      this.#dialog.close();
    });
    $('viewer-seed').addEventListener('click', async () => {
      const { seed } = this.#shown.result;
      this.#say((await copy(String(seed))) ? `Seed ${seed} is on the clipboard.` : `The browser does not let the page copy; the seed is ${seed}.`);
    });
    $('viewer-delete').addEventListener('click', () => this.#remove());
    jobs.addEventListener('removed', ({ detail: { entry } }) => {
      if (this.#shown?.job.id !== entry.job.id) return;
      // On to what came before it.
      const items = this.#gallery.items();
      const next = items.find(({ job }) => job.created_at <= entry.job.created_at) ?? items.at(-1);
      if (!next) return this.#dialog.close();
      this.#show(next);
      $('viewer-close').focus();
    });
  }

  open(id, index) {
    const item = this.#find(id, index);
    if (!item) return;
    this.#show(item);
    if (!this.#dialog.open) this.#dialog.showModal();
    $('viewer-close').focus();
  }

  #find(id, index) {
    return this.#gallery.items().find(({ job, result }) => job.id === id && result.index === index);
  }

  #place(items) {
    const { job, result } = this.#shown;
    return items.findIndex((item) => item.job.id === job.id && item.result.index === result.index);
  }

  #show(item) {
    this.#shown = item;
    const { job, result } = item;
    const items = this.#gallery.items();
    const place = this.#place(items);
    $('viewer-media').replaceChildren(fullSize(job, result));
    setText($('viewer-prompt'), job.request.prompt || 'No prompt');
    setText($('viewer-place'), `${place + 1} of ${items.length}`);
    $('viewer-facts').replaceChildren(
      ...parameters(job, result).map(([name, value]) => el('div', {}, el('dt', { text: name }), el('dd', { text: value }))),
    );
    $('viewer-previous').disabled = place <= 0;
    $('viewer-next').disabled = place < 0 || place >= items.length - 1;
    $('viewer-download').href = resultUrl(result, { download: true });
    this.#disarm();
    this.#say('', false);
  }

  #say(text, aloud = true) {
    setText($('viewer-note'), text);
    $('viewer-note').hidden = text === '';
    if (aloud) announce(text);
  }

  #step(way) {
    const items = this.#gallery.items();
    const item = items[this.#place(items) + way];
    if (!item) return;
    const pressed = document.activeElement;
    this.#show(item);
    if (pressed?.disabled) $('viewer-close').focus();  // at an end the button cannot keep the focus
    announce(`${$('viewer-place').textContent}: ${$('viewer-prompt').textContent}`);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // In a video's own controls arrows move in time.
    if (isVideo(this.#shown.result) && event.target.tagName === 'VIDEO') return;
    const items = this.#gallery.items();
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -this.#place(items), End: items.length - 1 - this.#place(items) };
    const way = steps[event.key];
    if (way === undefined) return;
    event.preventDefault();
    if (way !== 0) this.#step(way);
  }

  #disarm() {
    $('viewer-delete').dataset.armed = 'false';
    setText($('viewer-delete-text'), 'Delete');
  }

  // The first press asks, the second deletes.
  async #remove() {
    const { job } = this.#shown;
    if ($('viewer-delete').dataset.armed !== 'true') {
      $('viewer-delete').dataset.armed = 'true';
      setText($('viewer-delete-text'), job.results.length > 1 ? `Delete all ${job.results.length}?` : 'Really delete?');
      announce($('viewer-delete-text').textContent);
      return;
    }
    try {
      await this.#actions.remove(job);
      announce('Deleted');
    } catch (error) {
      this.#disarm();
      this.#say(sentence(error.message));
    }
  }
}
