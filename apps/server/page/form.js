// The form: what a model takes, what a person wants, and the request made of both.

import { $, announce, el, shape } from './dom.js';
import { Field } from './field.js';
import { multipleOf, sizePresets } from './sizes.js';
import { loadSettings, saveSettings } from './storage.js';
import { duration, number, plural, sentence } from './text.js';

const kMaxSeed = Number.MAX_SAFE_INTEGER;
// What each model keeps for itself.
const kOfModel = ['width', 'height', 'num_inference_steps', 'guidance_scale', 'num_frames', 'fps', 'scheduler', 'flow_shift'];
const kNumbers = ['width', 'height', 'num_inference_steps', 'guidance_scale', 'num_frames', 'fps', 'n', 'seed', 'flow_shift', 'quality'];
// Empty, these leave the choice to the server.
const kOptional = ['seed', 'flow_shift', 'quality'];
const kTexts = ['prompt', 'negative_prompt', 'model', 'scheduler', 'format'];

export class Form {
  #models = [];
  #capabilities = null;
  #fields = {};
  #settings = loadSettings();  // kind, model by kind, prompts, n, format by kind, and under `models` what kOfModel names
  #lastSeed = null;

  constructor() {
    for (const name of [...kNumbers, ...kTexts]) {
      this.#fields[name] = new Field(name, () => this.#changed(name));
    }
    for (const kind of ['image', 'video']) {
      $(`kind-${kind}`).addEventListener('change', () => this.#chooseKind(kind));
    }
    $('seed-random').addEventListener('change', () => {
      if ($('seed-random').checked) this.#fields.seed.value = '';
      else if (this.#fields.seed.value === '') this.#useSeed(this.#lastSeed ?? Math.floor(Math.random() * 2 ** 32));
      this.#fields.seed.clearError();
      this.#save();
    });
    $('seed-last').addEventListener('click', () => {
      this.#useSeed(this.#lastSeed);
      this.#save();
      announce(`Seed ${this.#lastSeed}`);
    });
    $('swap').addEventListener('click', () => {
      const { width, height } = this.#fields;
      [width.value, height.value] = [height.value, width.value];
      this.#changed('width');
      announce(`${width.value} by ${height.value} pixels`);
    });
    $('reset').addEventListener('click', () => {
      delete this.#settings.models?.[this.model.id];
      this.#showModel();
      this.#save();
      announce('Back to the settings of the model');
    });
    $('sizes').addEventListener('change', (event) => {
      const [width, height] = event.target.value.split('x');
      this.#fields.width.value = width;
      this.#fields.height.value = height;
      this.#changed('width');
    });
    this.#fields.prompt.value = String(this.#settings.prompt ?? '');
    this.#fields.negative_prompt.value = String(this.#settings.negative_prompt ?? '');
  }

  get model() {
    return this.#models.find((model) => model.id === this.#fields.model.value);
  }

  /// Takes what the server has; what was chosen before stays where it still can.
  offer(models, capabilities) {
    this.#models = models;
    this.#capabilities = capabilities;
    const kinds = new Set(models.map((model) => model.kind));
    $('kinds').hidden = kinds.size < 2;
    this.#fillLoras(capabilities.loras);
    this.#fields.scheduler.control.replaceChildren(
      el('option', { value: '', text: "The model's own" }),
      ...capabilities.schedulers.map(({ name, description }) => el('option', { value: name, text: name, title: description })),
    );
    this.#showKind(kinds.has(this.#settings.kind) ? this.#settings.kind : models[0].kind);
    $('settings').disabled = false;
    $('generate').disabled = false;
  }

  #fillLoras(names) {
    $('lora-box').hidden = names.length === 0;
    const there = $('loras').childElementCount === names.length;
    if (there) return;
    $('loras').replaceChildren(
      ...names.map((name, i) =>
        el(
          'li',
          { class: 'lora' },
          el('label', { class: 'check' }, el('input', { type: 'checkbox', id: `lora-${i}`, value: name }), el('span', { text: name })),
          el('label', { class: 'visually-hidden', for: `lora-${i}-scale`, text: `Strength of ${name}` }),
          el('input', { type: 'number', id: `lora-${i}-scale`, min: -10, max: 10, step: 0.05, value: 1 }),
        ),
      ),
    );
  }

  #chooseKind(kind) {
    this.#showKind(kind);
    this.#save();
  }

  #showKind(kind) {
    this.#settings.kind = kind;
    $(`kind-${kind}`).checked = true;
    const models = this.#models.filter((model) => model.kind === kind);
    this.#fields.model.control.replaceChildren(...models.map((model) => el('option', { value: model.id, text: model.id })));
    const wanted = this.#settings[`${kind}_model`];
    const chosen = models.find((model) => model.id === wanted) ?? models.find((model) => model.default) ?? models[0];
    this.#fields.model.value = chosen.id;
    const formats = this.#capabilities[`${kind}_formats`];
    this.#fields.format.control.replaceChildren(...formats.map((format) => el('option', { value: format, text: format })));
    const format = this.#settings[`${kind}_format`];
    this.#fields.format.value = formats.includes(format) ? format : formats[0];
    this.#showModel();
  }

  // The controls of the model that is chosen, with what was set for it before or its own defaults.
  #showModel() {
    const { model } = this;
    const { limits } = this.#capabilities;
    const own = this.#settings.models?.[model.id] ?? {};
    const defaults = { ...model.defaults, scheduler: '', flow_shift: '' };
    const fields = this.#fields;
    const video = model.kind === 'video';
    const multiple = multipleOf(model.kind);
    for (const element of document.querySelectorAll('[data-kind]')) element.hidden = element.dataset.kind !== model.kind;

    const widest = Math.min(limits.max_width, Math.max(2 * defaults.width, 2 * defaults.height));
    const highest = Math.min(limits.max_height, Math.max(2 * defaults.width, 2 * defaults.height));
    const sides = { min: 32, sliderMin: Math.max(32, multiple), sliderStep: multiple };
    fields.width.limit({ ...sides, max: limits.max_width, sliderMax: widest });
    fields.height.limit({ ...sides, max: limits.max_height, sliderMax: highest });
    fields.num_inference_steps.limit({ min: 1, max: limits.max_steps });
    const most = Math.max(12, 2 * defaults.guidance_scale);
    fields.guidance_scale.limit({ min: 0, max: 100, step: 'any', sliderMax: most, sliderStep: 0.1 });
    fields.num_frames.limit({ min: 1, max: limits.max_frames, sliderStep: 4 });
    fields.fps.limit({ min: 1, max: 60, step: 'any', sliderStep: 1 });
    fields.n.limit({ min: 1, max: limits.max_n });
    fields.seed.limit({ min: 0, max: kMaxSeed });
    fields.flow_shift.limit({ min: 0.001, max: 1000, step: 'any' });
    fields.quality.limit({ min: 1, max: 100 });
    for (const name of kOfModel) {
      fields[name].value = own[name] ?? (defaults[name] === undefined ? '' : controlValue(defaults[name]));
      fields[name].clearError();
    }
    if (fields.scheduler.control.selectedIndex < 0) fields.scheduler.value = '';  // the server has it no more
    fields.n.value = this.#settings.n ?? 1;
    fields.quality.value = this.#settings.quality ?? '';
    fields.num_frames.enable(video);
    fields.fps.enable(video);
    fields.n.enable(!video);

    const negative = model.defaults.negative_prompt !== false;
    fields.negative_prompt.enable(negative);
    $('negative_prompt-hint').textContent = negative
      ? 'What to keep away from.'
      : `${model.id} was made to work without: it takes no negative prompt.`;

    $('sizes').replaceChildren(
      ...sizePresets(model, limits).map(({ name, width, height }) =>
        el(
          'label',
          { class: 'chip', title: `${width} × ${height}` },
          el('input', { type: 'radio', name: 'size', value: `${width}x${height}` }),
          shape(width, height),
          el('span', { text: name }),
        ),
      ),
    );
    this.#hints();
  }

  // What follows from the numbers.
  #hints() {
    const { width, height, num_frames: frames, fps } = this.#fields;
    const size = `${width.value}x${height.value}`;
    for (const radio of document.querySelectorAll('#sizes input')) radio.checked = radio.value === size;
    const made = Math.floor((Math.max(1, frames.number ?? 1) - 1) / 4) * 4 + 1;  // as the server rounds
    $('quality-box').hidden = this.model.kind !== 'image' || this.#fields.format.value === 'png';
    $('num_frames-hint').textContent =
      fps.number > 0 ? `${plural(made, 'frame')}, ${duration(made / fps.number)} long` : plural(made, 'frame');
  }

  #changed(name) {
    if (name === 'model') {
      this.#settings[`${this.#settings.kind}_model`] = this.#fields.model.value;
      this.#showModel();
    } else if (name === 'seed') {
      $('seed-random').checked = this.#fields.seed.value === '';
    }
    this.#hints();
    this.#save();
  }

  #save() {
    const { model } = this;
    if (!model) return;
    const settings = this.#settings;
    settings.kind = model.kind;
    settings[`${model.kind}_format`] = this.#fields.format.value;
    settings.prompt = this.#fields.prompt.value;
    settings.negative_prompt = this.#fields.negative_prompt.value;
    settings.n = this.#fields.n.value;
    settings.quality = this.#fields.quality.value;
    settings.models = { ...settings.models, [model.id]: Object.fromEntries(kOfModel.map((name) => [name, this.#fields[name].value])) };
    saveSettings(settings);
  }

  #useSeed(seed) {
    this.#fields.seed.value = seed;
    this.#fields.seed.clearError();
    $('seed-random').checked = false;
  }

  /// The seed of the last job, for "reuse the last one".
  rememberSeed(seed) {
    if (!Number.isSafeInteger(seed)) return;
    this.#lastSeed = seed;
    $('seed-last').disabled = false;
    $('seed-last').title = `Use the seed of the last job, ${seed}`;
  }

  clearErrors() {
    for (const field of Object.values(this.#fields)) field.clearError();
    $('form-error').hidden = true;
  }

  /// The request, or null where something is wrong, which is then said where it is and has the focus.
  read() {
    this.clearErrors();
    const { model } = this;
    const fields = this.#fields;
    const video = model.kind === 'video';
    let good = true;
    const most = this.#capabilities.limits.max_prompt_characters;
    for (const name of ['prompt', 'negative_prompt']) {
      const length = [...fields[name].value].length;
      if (length > most) {
        fields[name].setError(`At most ${most} characters; these are ${length}.`);
        good = false;
      }
    }
    if (fields.prompt.value.trim() === '') {
      fields.prompt.setError('Say what to make.');
      good = false;
    }
    const numbers = ['width', 'height', 'num_inference_steps', 'guidance_scale', ...(video ? ['num_frames', 'fps'] : ['n'])];
    for (const name of numbers) good = fields[name].check() && good;
    const optional = kOptional.filter((name) => fields[name].control.closest('[hidden]') === null);
    for (const name of optional) good = fields[name].check({ optional: true }) && good;
    const { max_pixels: maxPixels, max_video_pixels: maxVideoPixels } = this.#capabilities.limits;
    if (good && fields.width.number * fields.height.number > maxPixels) {
      fields.width.setError(`Width times height is at most ${maxPixels} here.`);
      good = false;
    }
    const mostFrames = Math.floor(maxVideoPixels / (fields.width.number * fields.height.number));
    if (good && video && fields.num_frames.number > mostFrames) {
      fields.num_frames.setError(`At most ${plural(mostFrames, 'frame')} of this size.`);
      good = false;
    }
    if (!good) {
      this.#focusProblem();
      return null;
    }
    const request = { kind: model.kind, model: model.id, prompt: fields.prompt.value, format: fields.format.value };
    if (!fields.negative_prompt.control.disabled && fields.negative_prompt.value !== '') {
      request.negative_prompt = fields.negative_prompt.value;
    }
    for (const name of numbers) request[name] = fields[name].number;
    for (const name of optional) if (fields[name].number !== null) request[name] = fields[name].number;
    if (fields.scheduler.value !== '') request.scheduler = fields.scheduler.value;
    const loras = [...document.querySelectorAll('#loras input:checked')].map((box) => ({
      name: box.value,
      scale: Number($(`${box.id}-scale`).value) || 0,
    }));
    if (loras.length > 0) request.loras = loras;
    return request;
  }

  /// Shows what the server said of a request where it belongs. @return whether it belongs to a setting
  showError(error) {
    const field = this.#fields[error.parameter];
    if (!field || field.control.closest('[hidden]')) return false;
    field.setError(sentence(error.message));
    this.#focusProblem();
    return true;
  }

  #focusProblem() {
    const control = document.querySelector('#form [aria-invalid]:not(:disabled)');
    if (!control) return;
    const details = control.closest('details');
    if (details) details.open = true;
    control.focus();
  }

  /// "Use these": the settings of a job, with a result's own where there is one.
  use(job, result = null) {
    this.clearErrors();
    const { request } = job;
    const made = result?.parameters ?? {};
    const model = this.#models.find((other) => other.id === job.model) ?? this.#models.find((other) => other.kind === job.kind);
    if (!model) return `This server makes no ${job.kind}s any more.`;
    this.#settings[`${model.kind}_model`] = model.id;
    this.#settings[`${model.kind}_format`] = request.format;
    this.#settings.negative_prompt = request.negative_prompt ?? '';
    this.#settings.n = result ? 1 : (request.n ?? 1);
    this.#settings.quality = request.quality ?? '';
    const own = {};
    for (const name of kOfModel) own[name] = request[name] ?? result?.[name] ?? made[name] ?? model.defaults[name] ?? '';
    for (const name of ['scheduler', 'flow_shift']) own[name] = request[name] ?? '';
    for (const name of kOfModel) own[name] = controlValue(own[name]);
    this.#settings.models = { ...this.#settings.models, [model.id]: own };
    this.#fields.prompt.value = request.prompt;
    this.#fields.negative_prompt.value = request.negative_prompt ?? '';
    this.#showKind(model.kind);
    const scales = new Map((request.loras ?? []).map(({ name, scale }) => [name, scale]));
    for (const box of document.querySelectorAll('#loras input[type=checkbox]')) {
      box.checked = scales.has(box.value);
      $(`${box.id}-scale`).value = scales.get(box.value) ?? 1;
    }
    this.#useSeed(result?.seed ?? request.seed ?? '');
    this.#save();
    return model.id === job.model ? 'These settings are in the form.' : `${job.model} is not here; the settings are for ${model.id} now.`;
  }
}

// A setting as a control holds it.
const controlValue = (value) => (typeof value === 'number' ? number(value) : String(value));
