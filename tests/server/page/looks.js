// What a page looks like, measured: run in the page by looks_test.py, each function by its name.

const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;

function colour(text) {
  const parts = text.match(/[\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
}
const over = (above, below) => above.rgb.map((c, i) => c * above.alpha + below[i] * (1 - above.alpha));
function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
// WCAG 2: from 1 to 21
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
function background(element) {
  const layers = [];
  for (let e = element; e !== null; e = e.parentElement) {
    const layer = colour(getComputedStyle(e).backgroundColor);
    if (layer.alpha > 0) layers.push(layer);
    if (layer.alpha === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
}
const describe = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : `.${element.className}`}`;
// What cannot be used need not be easy to read, and says so otherwise.
const inactive = (element) => element.closest(':disabled') !== null;

/// [{what, text, ratio, least}] of all texts that are seen, and the edges of controls
function contrasts() {
  const found = [];
  const measure = (element, text, colourText, least) => {
    const below = background(element);
    found.push({ what: describe(element), text, ratio: contrast(over(colour(colourText), below), below), least });
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (text === '' || !visible(element) || inactive(element) || element.closest('.visually-hidden, .skip, script, noscript, select')) continue;
    const style = getComputedStyle(element);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    measure(element, text.slice(0, 40), style.color, large ? 3 : 4.5);
  }
  for (const element of document.querySelectorAll('input[type=number], input[type=password], textarea, select')) {
    if (!visible(element) || inactive(element)) continue;
    const style = getComputedStyle(element);
    measure(element, element.value, style.color, 4.5);
    measure(element.parentElement, 'edge', style.borderTopColor, 3);
    if (element.placeholder) measure(element, element.placeholder, getComputedStyle(element, '::placeholder').color, 4.5);
  }
  return found;
}

/// [{what, width, height}] of what fingers are to hit
function targets() {
  const found = [];
  for (const control of document.querySelectorAll('a[href], button, input, select, textarea, summary')) {
    // A box or a radio is hit by its label.
    const target = (control.matches('[type=checkbox], [type=radio]') && control.closest('label')) || control;
    if (!visible(target) || control.closest('.visually-hidden, .skip')) continue;
    const { width, height } = target.getBoundingClientRect();
    found.push({ what: describe(control), width, height });
  }
  return found;
}

/// Elements that reach over the window's right edge, as far as they are the reason for scrolling sideways
function overflowing() {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll('body *')]
    .filter((element) => visible(element) && element.getBoundingClientRect().right > innerWidth + 0.5)
    .map(describe);
}

/// What is wrong with the document's structure, in words
function faults() {
  const wrong = [];
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) wrong.push(`two elements have the id ${id}`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\s+/)) {
        if (!document.getElementById(id)) wrong.push(`${describe(element)}: ${attribute} names ${id}, which is not there`);
      }
    }
  }
  for (const image of document.images) if (!image.hasAttribute('alt')) wrong.push(`${describe(image)} has no alt`);
  if (document.documentElement.lang === '') wrong.push('no language');
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
  let level = 0;
  for (const heading of [...document.querySelectorAll('h1, h2, h3, h4')].filter(visible)) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`${describe(heading)} skips a level`);
    level = next;
  }
  return wrong;
}
