// What is being made: a card for each job, changed in place so that the focus and what is read out stay where they are.

import { $, announce, button, el, setText } from './dom.js';
import { isFinished } from './jobs.js';
import { altText, tile } from './media.js';
import { factsText, productText, shorten, statusText } from './text.js';

export class Stage {
  #jobs;
  #actions;
  #cards = new Map();  // by id

  /// @param actions  {open(id, index), use(job), again(job), cancel(id)}
  constructor(jobs, actions) {
    this.#jobs = jobs;
    this.#actions = actions;
    jobs.addEventListener('status', ({ detail: { entry } }) => {
      this.#arrange();
      this.#say(entry);
    });
    for (const type of ['progress', 'preview']) jobs.addEventListener(type, ({ detail: { entry } }) => this.#fill(entry));
    jobs.addEventListener('removed', () => this.#arrange());
    this.#arrange();
  }

  // Running ones, what failed until it is put away, those that wait, and the last that was made.
  #chosen() {
    const all = this.#jobs.all().filter((entry) => entry.watched);
    const of = (status) => all.filter((entry) => entry.job.status === status);
    const done = of('succeeded').sort((a, b) => a.job.finished_at - b.job.finished_at);
    return [...of('running'), ...of('failed'), ...of('queued'), ...done.slice(-1)];
  }

  #arrange() {
    const list = $('stage');
    const chosen = this.#chosen();
    const ids = new Set(chosen.map((entry) => entry.job.id));
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      const focused = card.root.contains(document.activeElement);
      card.root.remove();
      this.#cards.delete(id);
      if (focused) $('stage-heading').focus();
    }
    chosen.forEach((entry, place) => {
      let card = this.#cards.get(entry.job.id);
      if (!card) {
        card = this.#build(entry.job);
        this.#cards.set(entry.job.id, card);
      }
      if (list.children[place] !== card.root) list.insertBefore(card.root, list.children[place] ?? null);
      this.#fill(entry);
    });
    $('stage-empty').hidden = chosen.length > 0;
    this.#title();
  }

  #build(job) {
    const id = `card-${job.id}`;
    const card = {
      status: null,
      picture: el('div', { class: 'card-picture' }),
      prompt: el('h3', { class: 'card-prompt', id, text: job.request.prompt || 'No prompt' }),
      facts: el('p', { class: 'card-facts' }),
      bar: el('progress', { max: 1, 'aria-label': `Progress of ${shorten(job.request.prompt, 60)}` }),
      state: el('p', { class: 'card-state' }),
      actions: el('div', { class: 'actions' }),
    };
    card.root = el(
      'li',
      { class: 'card', 'data-job': job.id, 'aria-labelledby': id },
      card.picture,
      el('div', { class: 'card-body' }, card.prompt, card.facts, card.state, card.bar, card.actions),
    );
    return card;
  }

  #fill(entry) {
    const { job } = entry;
    const card = this.#cards.get(job.id);
    if (!card) return;
    if (card.status !== job.status) this.#restyle(card, entry);
    setText(card.facts, factsText(job));
    setText(card.state, statusText(job));
    if (job.progress) card.bar.value = job.progress.fraction;
    if (!isFinished(job)) this.#preview(card, entry);
    this.#title();
  }

  // What changes with the status alone.
  #restyle(card, entry) {
    const { job } = entry;
    card.status = job.status;
    card.root.dataset.status = job.status;
    card.bar.hidden = job.status !== 'running';
    const focused = card.actions.contains(document.activeElement);
    const about = shorten(job.request.prompt, 60);
    const act = this.#actions;
    if (!isFinished(job)) {
      card.actions.replaceChildren(
        button('Cancel', 'close', () => act.cancel(job.id), { name: `Cancel: ${about}` }),
      );
    } else if (job.status === 'succeeded') {
      card.picture.replaceChildren(...job.results.map((result) => tile(job, result, act.open)));
      card.picture.dataset.count = Math.min(job.results.length, 4);
      card.actions.replaceChildren(
        button('Use these', 'reuse', () => act.use(job), { name: `Use these settings: ${about}` }),
        button('Another one', 'dice', () => act.again(job, true), { name: `Make another one with a new seed: ${about}` }),
      );
    } else {
      card.picture.replaceChildren();
      card.actions.replaceChildren(
        button('Try again', 'reuse', () => act.again(job), { name: `Try again: ${about}` }),
        button('Use these', null, () => act.use(job), { name: `Use these settings: ${about}` }),
        button('Put away', 'close', () => this.#jobs.putAway(job.id), { name: `Put away: ${about}` }),
      );
    }
    if (focused) card.actions.querySelector('button')?.focus();
  }

  #preview(card, entry) {
    const { job, preview } = entry;
    let image = card.picture.querySelector('img');
    if (preview === null) {
      if (card.picture.childElementCount > 0) return;
      // Something of the right proportions to wait for.
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      svg.setAttribute('viewBox', `0 0 ${job.request.width ?? 1} ${job.request.height ?? 1}`);
      svg.setAttribute('class', 'waiting');
      svg.setAttribute('aria-hidden', 'true');
      card.picture.append(svg);
      return;
    }
    if (!image) {
      image = el('img', { class: 'preview', alt: `Preview: ${altText(job)}`, width: job.request.width, height: job.request.height });
      card.picture.replaceChildren(image);
    }
    if (image.src !== preview) image.src = preview;
  }

  // Not every step: what changes what a person may do next.
  #say(entry) {
    const { job } = entry;
    if (!entry.watched || entry.said === job.status) return;
    entry.said = job.status;
    const about = shorten(job.request.prompt, 80);
    if (job.status === 'queued') announce(`${statusText(job)}: ${about}`);
    else if (job.status === 'running') announce(`Started: ${about}`);
    else if (job.status === 'succeeded') announce(`${statusText(job)}: ${productText(job)} of ${about}`);
    else if (job.status === 'cancelled') announce(`Cancelled: ${about}`);
    else announce(`Failed: ${about}. ${statusText(job)}`);
  }

  #title() {
    const running = this.#jobs.unfinished().find((entry) => entry.job.status === 'running');
    const percent = running?.job.progress ? `${Math.round(100 * running.job.progress.fraction)} % · ` : '';
    const title = running ? `${percent}Swan` : 'Swan';
    if (document.title !== title) document.title = title;
  }
}
