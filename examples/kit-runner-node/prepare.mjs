// The definition of what a line image becomes before the network sees it (docs/kit.md), in plain arithmetic.

/**
 * Resamples along the rows of a (rows, columns) image with a triangle filter that widens when the image shrinks.
 *
 * Row j of the result is centred at (j + 0.5) * scale; source row i weighs 1 - |i + 0.5 - centre| / support.
 */
function resampleRows({ shape: [rows, columns], data }, target) {
  const scale = rows / target;
  const support = Math.max(scale, 1);
  const out = new Float64Array(target * columns);
  for (let j = 0; j < target; j++) {
    const centre = (j + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support - 0.5));
    const last = Math.min(rows - 1, Math.ceil(centre + support));
    const weights = [];
    for (let i = first; i <= last; i++) weights.push(Math.max(0, 1 - Math.abs(i + 0.5 - centre) / support));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (let i = first; i <= last; i++) {
      const weight = weights[i - first] / sum;
      for (let x = 0; x < columns; x++) out[j * columns + x] += weight * data[i * columns + x];
    }
  }
  return { shape: [target, columns], data: out };
}

function transpose({ shape: [rows, columns], data }) {
  const out = new Float64Array(data.length);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) out[x * rows + y] = data[y * columns + x];
  return { shape: [columns, rows], data: out };
}

/** Turns a gray image { shape: [h, w], data } into the network's input { shape: [1, 1, height, width], data }. */
export function prepare(gray, { height, width_multiple: multiple, min_width: narrowest, mean, std, background }) {
  const [h, w] = gray.shape;
  const content = Math.max(1, Math.floor((2 * w * height + h) / (2 * h)));
  const width = Math.ceil(Math.max(content, narrowest) / multiple) * multiple;
  const resampled = transpose(resampleRows(transpose(resampleRows(gray, height)), content));
  const data = new Float32Array(height * width).fill((background - mean) / std);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < content; x++) data[y * width + x] = (resampled.data[y * content + x] - mean) / std;
  }
  return { shape: [1, 1, height, width], data };
}
