// The page as a whole: who tells whom.

import { Api, ApiError } from './api.js';
import { $, announce, calm, setText } from './dom.js';
import { Form } from './form.js';
import { Gallery } from './gallery.js';
import { Jobs } from './jobs.js';
import { askForKey, prepareKeyDialog } from './key.js';
import { Stage } from './stage.js';
import { loadKey } from './storage.js';
import { sentence } from './text.js';
import { Viewer } from './viewer.js';

const api = new Api(loadKey(), askForKey);
const jobs = new Jobs(api);
const form = new Form();

const kStates = {
  offline: ['The server cannot be reached. What is here stays; the page tries again by itself.', 'Try now'],
  locked: ['This server wants an API key.', 'Enter the key'],
};
let reached = false;

function showState() {
  const state = kStates[api.state];
  $('banner').hidden = state === undefined;
  $('banner').dataset.state = api.state;
  if (state) {
    setText($('banner-text'), state[0]);
    setText($('banner-action'), state[1]);
    announce(state[0]);
  } else if (api.state === 'online') {
    if (reached) announce('The server is there again.');
    reached = true;
    prepare();
  }
}

let ready = false;
let preparing = null;
// What the form needs to know. Again after the server was away: it may have other models now.
function prepare() {
  preparing ??= (async () => {
    try {
      const [models, capabilities] = await Promise.all([api.json('GET', 'v1/models'), api.json('GET', 'v1/capabilities')]);
      form.offer(models.data, capabilities);
      setText($('version'), `Swan ${capabilities.version}`);
      ready = true;
    } catch (error) {
      if (error instanceof ApiError && error.status !== 401) showFormError(sentence(error.message));
    } finally {
      preparing = null;
    }
  })();
  return preparing;
}

let countdown = null;
function showFormError(text, retryAfter = null) {
  clearInterval(countdown);
  const message = $('form-error');
  const until = performance.now() + 1000 * (retryAfter ?? 0);
  const show = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (retryAfter === null) return setText(message, text);
    setText(message, left > 0 ? `${text} In ${left} s there may be room.` : `${text} Now there may be room: try again.`);
    if (left <= 0) clearInterval(countdown);
  };
  message.hidden = false;
  show();
  if (retryAfter !== null) countdown = setInterval(show, 1000);
  announce(message.textContent);
}

function clearFormError() {
  clearInterval(countdown);
  $('form-error').hidden = true;
}

function showError(error) {
  if (error.name === 'AbortError') return;
  // Errors of the program itself belong in the console.
  if (!(error instanceof ApiError) && error.name !== 'Error') console.error(error);
  if (form.showError(error)) return announce(error.message);
  showFormError(sentence(error.message), error.retryAfter);
}

async function send(request) {
  clearFormError();
  try {
    const { job } = await jobs.submit(request);
    form.rememberSeed(job.request.seed);
    if (matchMedia('(max-width: 56rem)').matches) {
      $('stage-heading').scrollIntoView({ behavior: calm.matches ? 'auto' : 'smooth', block: 'start' });
    }
  } catch (error) {
    showError(error);
  }
}

function generate() {
  if (!ready) return;
  const request = form.read();
  if (request) send(request);
}

async function cancel(id) {
  try {
    await jobs.cancel(id);
  } catch (error) {
    showError(error);
  }
}

function use(job, result = null) {
  clearFormError();
  const text = form.use(job, result);
  announce(text);
  $('prompt').focus({ preventScroll: true });
  $('form').scrollIntoView({ behavior: calm.matches ? 'auto' : 'smooth', block: 'start' });
}

// The same request as that of a job. @param anew  with another seed
function again(job, anew = false) {
  const request = { ...job.request };
  if (anew) delete request.seed;
  send(request);
}

const open = (id, index) => viewer.open(id, index);
const gallery = new Gallery(jobs, open);
const viewer = new Viewer(gallery, jobs, { use, remove: (job) => jobs.remove(job.id) });
new Stage(jobs, { open, use, again, cancel });

prepareKeyDialog();
api.addEventListener('state', showState);
$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  generate();
});
$('banner-action').addEventListener('click', () => {
  if (api.state === 'locked') api.unlock();
  else jobs.sync().catch(() => {});
});
$('more').addEventListener('click', async () => {
  const before = document.querySelectorAll('#gallery li').length;
  try {
    await jobs.loadMore();
    await Promise.resolve();
    // To the first of those that came.
    document.querySelectorAll('#gallery .tile')[before]?.focus();
  } catch (error) {
    showError(error);
  }
});

document.addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    generate();
  } else if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing && event.target.tagName !== 'SELECT') {
    const [first] = jobs.unfinished();
    if (first) cancel(first.job.id);
  }
});

prepare();
jobs.run();
