// What was made, newest first.

import { $, setText } from './dom.js';
import { tile } from './media.js';
import { plural } from './text.js';

export class Gallery {
  #jobs;
  #open;
  #tiles = new Map();  // by "id/index", in no order

  /// @param open  called with a job's id and a result's index
  constructor(jobs, open) {
    this.#jobs = jobs;
    this.#open = open;
    for (const type of ['status', 'removed', 'listed']) jobs.addEventListener(type, () => this.#schedule());
  }

  /// Results in the order in which they are shown: [{job, result}].
  items() {
    const items = [];
    for (const { job } of this.#jobs.all().reverse()) {
      if (job.status !== 'succeeded') continue;
      for (const result of job.results) items.push({ job, result });
    }
    return items;
  }

  #scheduled = false;
  // Once for a whole list.
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#arrange();
    });
  }

  #arrange() {
    const list = $('gallery');
    const items = this.items();
    const keys = new Set(items.map(({ job, result }) => `${job.id}/${result.index}`));
    for (const [key, item] of this.#tiles) {
      if (keys.has(key)) continue;
      item.remove();
      this.#tiles.delete(key);
    }
    items.forEach(({ job, result }, place) => {
      const key = `${job.id}/${result.index}`;
      let item = this.#tiles.get(key);
      if (!item) {
        item = document.createElement('li');
        item.append(tile(job, result, this.#open));
        this.#tiles.set(key, item);
      }
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    });
    $('gallery-empty').hidden = items.length > 0;
    $('more').hidden = !this.#jobs.hasMore;
    setText($('gallery-count'), items.length > 0 ? plural(items.length, 'result') : '');
  }

  /// Puts the focus on a result's tile, or near it.
  focus(id, index) {
    const item = this.#tiles.get(`${id}/${index}`);
    (item?.querySelector('button') ?? $('gallery-heading')).focus();
  }
}
