// Sizes to choose from, around the one that a model is made for.

const kRatios = [
  ['Square', 1, 1],
  ['Portrait', 3, 4],
  ['Landscape', 4, 3],
  ['Tall', 9, 16],
  ['Wide', 16, 9],
];

/// What sides are multiples of: what networks compute with, and for videos what the server rounds to.
export const multipleOf = (kind) => (kind === 'video' ? 16 : 32);

const nearest = (value, multiple) => Math.max(multiple, Math.round(value / multiple) * multiple);

/// About as many pixels as the model's own size, within limits, in usual proportions; its own size comes first.
/// @return [{name, width, height}]
export function sizePresets(model, limits) {
  const { width, height } = model.defaults;
  const multiple = multipleOf(model.kind);
  const own = kRatios.find(([, w, h]) => Math.abs((w * height) / (h * width) - 1) < 0.05);  // 832 x 480 is wide
  const sizes = [{ name: own ? own[0] : 'Usual', width, height }];
  for (const [name, w, h] of kRatios) {
    const size = {
      name,
      width: nearest(Math.sqrt((width * height * w) / h), multiple),
      height: nearest(Math.sqrt((width * height * h) / w), multiple),
    };
    const there = sizes.some((other) => other.name === name || (other.width === size.width && other.height === size.height));
    const fits = size.width <= limits.max_width && size.height <= limits.max_height;
    if (!there && fits && size.width * size.height <= limits.max_pixels) sizes.push(size);
  }
  return sizes;
}
