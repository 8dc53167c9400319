// The jobs that this page knows, kept up to date: by their events where somebody looks, by asking for the list otherwise.

import { ApiError, Unreachable } from './api.js';
import { readEvents } from './events.js';
import { loadJobs, saveJobs } from './storage.js';

// A browser opens six connections to a server, for all its tabs: most of them are for pictures.
const kMostStreams = 2;
const kEnds = new Set(['succeeded', 'failed', 'cancelled']);
const kPage = 100;

export const isFinished = (job) => kEnds.has(job.status);

const byAge = (a, b) => a.job.created_at - b.job.created_at || (a.job.id < b.job.id ? -1 : 1);

/// Entries are {job: the server's, preview: a data: URL or null, watched: whether its end is to be told here, since it was
/// seen unfinished, or is one of this tab's that failed}.
/// Events, with detail {entry}: "status" when one is new or its status or place changes, "progress", "preview",
/// "removed"; "listed" when the list was read, without detail.
export class Jobs extends EventTarget {
  hasMore = false;
  #api;
  #entries = new Map();
  #streams = new Map();  // by id: AbortController
  #failures = 0;
  #own = loadJobs();  // ids of this tab's
  #wake = () => {};

  constructor(api) {
    super();
    this.#api = api;
  }

  all() {
    return [...this.#entries.values()].sort(byAge);
  }
  unfinished() {
    return this.all().filter((entry) => !isFinished(entry.job));
  }
  get(id) {
    return this.#entries.get(id);
  }

  #tell(type, entry = null) {
    this.dispatchEvent(new CustomEvent(type, { detail: { entry } }));
  }

  // Takes over what the server says. An answer that was on its way while the job ended does not bring it back.
  #update(job) {
    let entry = this.#entries.get(job.id);
    if (!entry) {
      entry = {
        job,
        preview: null,
        watched: !isFinished(job) || (job.status === 'failed' && this.#own.has(job.id)),
        added: performance.now(),
        lastEvent: null,
        streamAfter: 0,
      };
      this.#entries.set(job.id, entry);
      this.#tell('status', entry);
      return entry;
    }
    const before = entry.job;
    if (isFinished(before) || (before.status === 'running' && job.status === 'queued')) return entry;
    if (job.progress === null && job.status === 'running') job.progress = before.progress;
    entry.job = job;
    if (isFinished(job)) entry.preview = null;  // nobody looks at it any more
    if (before.status !== job.status || before.queue_position !== job.queue_position) this.#tell('status', entry);
    else this.#tell('progress', entry);
    return entry;
  }

  #lose(entry) {
    const message = 'The server no longer knows this job: it was probably restarted before the job was done.';
    this.#update({ ...entry.job, status: 'failed', error: { message, code: 'lost', param: null } });
  }

  /// Sends a request. @throws ApiError, Unreachable
  async submit(request) {
    const entry = this.#update(await this.#api.json('POST', 'v1/jobs', { body: request, ask: true }));
    this.#own.add(entry.job.id);
    saveJobs(this.#own);
    this.#look();
    return entry;
  }

  /// A failed one has been seen.
  putAway(id) {
    this.get(id).watched = false;
    this.#own.delete(id);
    saveJobs(this.#own);
    this.#tell('status', this.get(id));
  }

  async cancel(id) {
    this.#update(await this.#api.json('POST', `v1/jobs/${id}/cancel`, { ask: true }));
    this.#look();
  }

  async remove(id) {
    try {
      await this.#api.json('DELETE', `v1/jobs/${id}`, { ask: true });
    } catch (error) {
      if (error.status !== 404) throw error;  // gone is gone
    }
    this.#forget(id);
  }

  #forget(id) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#streams.get(id)?.abort();
    this.#tell('removed', entry);
  }

  /// Reads the list's newest page: what is new, what has ended, what is gone.
  async sync() {
    const began = performance.now();
    const list = await this.#api.json('GET', `v1/jobs?limit=${kPage}`);
    const known = new Set();
    for (const job of list.data) {
      known.add(job.id);
      this.#update(job);
    }
    const oldest = list.has_more ? list.data.at(-1).created_at : -Infinity;
    for (const entry of this.all()) {
      const { job } = entry;
      if (known.has(job.id) || job.created_at <= oldest || entry.added > began) continue;
      if (!isFinished(job)) this.#lose(entry);
      else if (job.status === 'succeeded') this.#forget(job.id);
    }
    if (!list.has_more || this.#entries.size <= kPage) this.hasMore = list.has_more;
    this.#tell('listed');
  }

  /// Reads the page after the oldest job that is known.
  async loadMore() {
    const oldest = this.all().find((entry) => entry.job.status === 'succeeded');
    if (!oldest) return;
    const list = await this.#api.json('GET', `v1/jobs?limit=${kPage}&after=${oldest.job.id}`, { ask: true });
    for (const job of list.data) this.#update(job);
    this.hasMore = list.has_more;
    this.#tell('listed');
  }

  // Looks at the server now instead of later.
  #look() {
    this.#follow();
    this.#wake();
  }

  /// Keeps up with the server until the page is left.
  async run() {
    document.addEventListener('visibilitychange', () => this.#look());
    addEventListener('online', () => this.#look());
    this.#api.addEventListener('state', () => this.#wake());
    for (;;) {
      try {
        await this.sync();
        this.#failures = 0;
        this.#follow();
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
        ++this.#failures;
      }
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, this.#pause());
      });
    }
  }

  // ms until the list is read again
  #pause() {
    if (this.#failures > 0) return Math.min(10_000, 500 * 2 ** this.#failures);
    const waiting = this.unfinished().filter((entry) => !this.#streams.has(entry.job.id));
    if (waiting.length > 0 && document.hidden) return 5000;
    // Sooner where one may be listened to again.
    const soon = waiting.map((entry) => entry.streamAfter - performance.now()).filter((time) => time > 0);
    if (waiting.length > 0) return Math.min(1500, ...soon.map((time) => time + 1));
    return document.hidden ? 60_000 : 10_000;
  }

  // Listens to the events of those that come first, while somebody looks.
  #follow() {
    const now = performance.now();
    const first = document.hidden
      ? []
      : this.unfinished()
          .sort((a, b) => (b.job.status === 'running') - (a.job.status === 'running'))
          .filter((entry) => entry.streamAfter <= now)
          .slice(0, kMostStreams);
    const wanted = new Set(first.map((entry) => entry.job.id));
    for (const [id, controller] of this.#streams) {
      if (!wanted.has(id)) controller.abort();
    }
    for (const entry of first) {
      if (!this.#streams.has(entry.job.id)) this.#listen(entry);
    }
  }

  async #listen(entry) {
    const { id } = entry.job;
    const controller = new AbortController();
    this.#streams.set(id, controller);
    const headers = { Accept: 'text/event-stream' };
    if (entry.lastEvent !== null) headers['Last-Event-ID'] = entry.lastEvent;
    try {
      const response = await this.#api.send('GET', `v1/jobs/${id}/events`, { headers, signal: controller.signal });
      for await (const event of readEvents(response)) this.#hear(entry, event);
      // It ends after the last event. Without one it was cut, or the server has begun anew.
      if (!isFinished(entry.job)) this.#update(await this.#api.json('GET', `v1/jobs/${id}`));
    } catch (error) {
      if (!controller.signal.aborted) {
        if (error.status === 404) this.#lose(entry);
        else if (!(error instanceof ApiError)) this.#api.lost();
        entry.streamAfter = performance.now() + 1000 * (error.retryAfter ?? 1);
      }
    } finally {
      if (this.#streams.get(id) === controller) this.#streams.delete(id);
    }
    if (!isFinished(entry.job)) entry.streamAfter = Math.max(entry.streamAfter, performance.now() + 500);
    this.#look();
  }

  #hear(entry, { id, name, data }) {
    if (id !== null) entry.lastEvent = id;
    const { job } = entry;
    if (name === 'done' || name === 'failed' || name === 'cancelled') {
      this.#update(data);
    } else if (name === 'queued') {
      this.#update({ ...job, queue_position: data.queue_position });
    } else if (name === 'started') {
      this.#update({ ...job, status: 'running', queue_position: null, started_at: data.started_at });
    } else if (name === 'progress') {
      this.#update({ ...job, status: 'running', queue_position: null, progress: data });
    } else if (name === 'preview' && /^data:image\/(png|jpeg|webp);base64,/.test(data.image)) {
      entry.preview = data.image;
      this.#tell('preview', entry);
    }
  }
}
