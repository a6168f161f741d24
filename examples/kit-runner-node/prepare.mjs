// The definition of what a line image becomes before the network sees it (docs/kit.md): bytes until it is normalised.

const SHIFT = 11;

/**
 * Resamples along the rows of a (rows, columns) image of bytes with a triangle filter that widens when the image shrinks.
 *
 * Every number is an integer below 2^53, which is exact here; none but the weights' numerators exceeds 32 bits.
 */
function resampleRows({ shape: [rows, columns], data }, target) {
  const reach = 2 * Math.max(rows, target);
  const out = new Uint8Array(target * columns);
  for (let j = 0; j < target; j++) {
    const centre = (2 * j + 1) * rows;
    const share = (i) => Math.max(0, reach - Math.abs((2 * i + 1) * target - centre));
    const first = Math.max(0, Math.floor((centre - reach) / (2 * target)));
    const last = Math.min(rows - 1, Math.ceil((centre + reach) / (2 * target)));
    let total = 0;
    for (let i = first; i <= last; i++) total += share(i);
    const sums = new Uint32Array(columns).fill(2 ** (SHIFT - 1));
    for (let i = first; i <= last; i++) {
      const weight = Math.floor((2 ** (SHIFT + 1) * share(i) + total) / (2 * total));
      for (let x = 0; x < columns; x++) sums[x] += weight * data[i * columns + x];
    }
    for (let x = 0; x < columns; x++) out[j * columns + x] = Math.min(255, sums[x] >>> SHIFT);
  }
  return { shape: [target, columns], data: out };
}

function transpose({ shape: [rows, columns], data }) {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) out[x * rows + y] = data[y * columns + x];
  return { shape: [columns, rows], data: out };
}

/** Turns a gray image of bytes { shape: [h, w], data } into the tensor stage { shape: [1, 1, height, width], data }, bytes. */
export function prepare(gray, { height, width_multiple: multiple, min_width: narrowest, background, resampling }) {
  if (resampling !== "triangle-v2") throw new Error(`resampling ${resampling}; this runner knows triangle-v2 alone`);
  const [h, w] = gray.shape;
  const content = Math.max(1, Math.floor((2 * w * height + h) / (2 * h)));
  const width = Math.ceil(Math.max(content, narrowest) / multiple) * multiple;
  const resampled = transpose(resampleRows(transpose(resampleRows(gray, height)), content));
  const data = new Uint8Array(height * width).fill(Math.floor(255 * background + 0.5));
  for (let y = 0; y < height; y++) {
    data.set(resampled.data.subarray(y * content, (y + 1) * content), y * width);
  }
  return { shape: [1, 1, height, width], data };
}

/** Turns the tensor stage into the network's input: each byte has one value, computed in float32 step by step. */
export function normalise({ shape, data }, { mean, std }) {
  const round = Math.fround;
  const table = Float32Array.from({ length: 256 }, (_, x) => round(round(round(x / 255) - round(mean)) / round(std)));
  return { shape, data: Float32Array.from(data, (x) => table[x]) };
}
