// The dialog that asks for an API key.

import { $ } from './dom.js';
import { forgetKey, saveKey } from './storage.js';

/// Asks for a key. @return a Promise of it, or of null where the dialog was left
export function askForKey(wrong) {
  const dialog = $('key-dialog');
  const input = $('key');
  const problem = $('key-error');
  problem.hidden = !wrong;
  if (wrong) {
    input.setAttribute('aria-invalid', 'true');
    forgetKey();
  } else {
    input.removeAttribute('aria-invalid');
  }
  input.value = '';
  dialog.returnValue = '';
  if (!dialog.open) dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        const key = input.value.trim();
        input.value = '';
        if (dialog.returnValue !== 'use' || key === '') return resolve(null);
        if ($('key-keep').checked) saveKey(key);
        else forgetKey();
        resolve(key);
      },
      { once: true },
    );
  });
}

export function prepareKeyDialog() {
  const dialog = $('key-dialog');
  $('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    dialog.close('use');
  });
  $('key-cancel').addEventListener('click', () => dialog.close());
}
