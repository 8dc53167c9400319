// Elements. Text from people and from the server only ever becomes text nodes and attribute values: nothing in this page
// parses a string as HTML.

export const $ = (id) => document.getElementById(id);

/// An element. @param props  `on`: listeners by event; `text`: its text; others are attributes (true: present and empty;
/// null, undefined and false: absent)  @param children  elements and strings; null is left out
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === 'text') {
      element.textContent = value;
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const kSvg = 'http://www.w3.org/2000/svg';

/// A picture of the sprite in index.html, for eyes alone.
export function icon(name) {
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(kSvg, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/// A rectangle with a picture's proportions.
export function shape(width, height) {
  const scale = 18 / Math.max(width, height);
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('class', 'shape');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const rect = document.createElementNS(kSvg, 'rect');
  rect.setAttribute('width', width * scale);
  rect.setAttribute('height', height * scale);
  rect.setAttribute('x', 10 - (width * scale) / 2);
  rect.setAttribute('y', 10 - (height * scale) / 2);
  rect.setAttribute('rx', 2);
  svg.append(rect);
  return svg;
}

/// A button with an icon and a text. @param name  its accessible name, where it says more than the text
export function button(text, iconName, listener, { name = null, kind = '' } = {}) {
  return el(
    'button',
    { type: 'button', class: `button ${kind}`.trim(), 'aria-label': name, on: { click: listener } },
    iconName === null ? null : icon(iconName),
    el('span', { text }),
  );
}

/// Sets text only where it changes, so that nothing is selected or read out again for nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const calm = matchMedia('(prefers-reduced-motion: reduce)');

/// Says something to screen readers when they have a moment. What is outside an open dialog they are not told of.
export function announce(text) {
  const announcer = document.querySelector('dialog[open] [role=status]') ?? $('announcer');
  announcer.append(el('p', { text }));
  while (announcer.childElementCount > 5) announcer.firstElementChild.remove();
}
