// One setting of the form: its number, its slider where it has one, and what is wrong with it.
// By convention the control's id is the API's name of the setting; beside it are NAME-range and NAME-error.

import { $ } from './dom.js';

export class Field {
  /// @param listener  called when a person changed it
  constructor(name, listener = () => {}) {
    this.name = name;
    this.control = $(name);
    this.range = $(`${name}-range`);
    this.problem = $(`${name}-error`);
    this.control.addEventListener('input', () => {
      if (this.range && this.control.value !== '') this.range.value = this.control.value;
      this.clearError();
      listener();
    });
    this.range?.addEventListener('input', () => {
      this.control.value = this.range.value;
      this.clearError();
      listener();
    });
  }

  get value() {
    return this.control.value;
  }
  set value(value) {
    this.control.value = value;
    if (this.range && value !== '') this.range.value = value;
  }
  get number() {
    return this.control.value === '' ? null : Number(this.control.value);
  }

  /// What the number may be; the slider reaches less far where the whole range would be too coarse.
  limit({ min, max, step = 1, sliderMin = min, sliderMax = max, sliderStep = step }) {
    Object.assign(this.control, { min, max, step });
    this.whole = Number.isInteger(step);
    if (this.range) Object.assign(this.range, { min: sliderMin, max: Math.max(sliderMin, sliderMax), step: sliderStep });
    if (this.range && this.control.value !== '') this.range.value = this.control.value;
  }

  /// Sets the error of a number that the server would refuse. @return whether it is a good one
  check({ optional = false } = {}) {
    const { min, max, validity } = this.control;
    const value = this.number;
    if (value === null && optional && !validity.badInput) return true;
    const good =
      value !== null &&
      !validity.badInput &&
      value >= Number(min) &&
      value <= Number(max) &&
      (!this.whole || Number.isInteger(value));
    if (!good) this.setError(`${this.whole ? 'A whole number' : 'A number'} from ${min} to ${max}.`);
    return good;
  }

  enable(enabled) {
    this.control.disabled = !enabled;
    if (this.range) this.range.disabled = !enabled;
  }

  setError(text) {
    this.problem.textContent = text;
    this.problem.hidden = false;
    this.control.setAttribute('aria-invalid', 'true');
  }
  clearError() {
    if (this.problem.hidden) return;
    this.problem.hidden = true;
    this.problem.textContent = '';
    this.control.removeAttribute('aria-invalid');
  }
}
