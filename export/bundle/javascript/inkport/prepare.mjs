// Preparation by triangle-v2: from gray to the network's input, in integers, so that every platform has the same bytes.

import { InkportError } from "./spec.mjs";

/** Fewer pixels than this, either way, hold no line of text. */
const MIN_SIDE = 8;
/** triangle-v2 is defined for sides up to this, in pixels. */
const MAX_SIDE = 1 << 15;
/** S of triangle-v2: weights are multiples of 2^-S. */
const WEIGHT_BITS = 11;
/** Added before the last S bits are cut: halves are rounded upwards. */
const HALF = 1 << (WEIGHT_BITS - 1);

/** Width of an image's content at the network's height, rounded. */
export function contentWidth(spec, height, width) {
  return Math.max(1, Math.floor((2 * width * spec.height + height) / (2 * height)));
}

/**
 * The source samples that each target sample is made of, and their weights: { first, weights }.
 *
 * N_ij = max(0, 2 max(n, m) - |(2i + 1) m - (2j + 1) n|); w_ij = round(2^S N_ij / sum_i N_ij), halves upwards.
 * All numbers are integers below 2^53, which are exact.
 */
function triangle(n, m) {
  const reach = 2 * Math.max(n, m);
  return Array.from({ length: m }, (_, j) => {
    const centre = (2 * j + 1) * n;
    const share = (i) => reach - Math.abs((2 * i + 1) * m - centre);
    let first = Math.max(0, Math.floor((centre - reach - m) / (2 * m)));
    while (share(first) <= 0) first++;
    const shares = [];
    for (let i = first; i < n && share(i) > 0; i++) shares.push(share(i));
    const total = shares.reduce((sum, value) => sum + value, 0);
    const weights = shares.map((value) => Math.floor((2 ** (WEIGHT_BITS + 1) * value + total) / (2 * total)));
    return { first, weights };
  });
}

const rounded = (sum) => Math.min(255, (sum + HALF) >> WEIGHT_BITS);

function resampleHeight({ width, height, data }, target) {
  const out = new Uint8Array(width * target);
  triangle(height, target).forEach(({ first, weights }, y) => {
    const sums = new Uint32Array(width);
    weights.forEach((weight, k) => {
      const row = (first + k) * width;
      for (let x = 0; x < width; x++) sums[x] += weight * data[row + x];
    });
    for (let x = 0; x < width; x++) out[y * width + x] = rounded(sums[x]);
  });
  return { width, height: target, data: out };
}

function check(spec, { width, height }, content, padded) {
  if (width < MIN_SIDE || height < MIN_SIDE) {
    throw new InkportError(`the image is ${width} x ${height} px, a line of text needs at least 8 px each way`);
  }
  if (width > MAX_SIDE || height > MAX_SIDE) {
    throw new InkportError("the image has more than 32768 px on a side: make it smaller");
  }
  if (content < MIN_SIDE) {
    throw new InkportError(
      `the image is so narrow that ${content} px are left at the network's height: its text must run from left to right`,
    );
  }
  if (padded > spec.maxWidth) {
    throw new InkportError(
      `the line is ${content} px wide at the network's height, at most ${spec.maxWidth} are taken: cut it into shorter lines`,
    );
  }
}

/**
 * The network's input as bytes: height first, rounded, then width; padded on the right with the background.
 * Throws InkportError if the image is too small to hold a line of text, or longer than the network takes.
 */
export function prepare(gray, spec) {
  const content = contentWidth(spec, gray.height, gray.width);
  const padded = Math.ceil(Math.max(content, spec.minWidth) / spec.widthMultiple) * spec.widthMultiple;
  check(spec, gray, content, padded);
  const rows = resampleHeight(gray, spec.height);
  const taps = triangle(gray.width, content);
  const data = new Uint8Array(padded * spec.height).fill(spec.background);
  for (let y = 0; y < spec.height; y++) {
    const row = y * rows.width;
    for (let x = 0; x < content; x++) {
      const { first, weights } = taps[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * rows.data[row + first + k];
      data[y * padded + x] = rounded(sum);
    }
  }
  return { width: padded, height: spec.height, data };
}

/** The same as float32 (1, 1, height, width), which is what the engine is given: each byte has one value. */
export function normalise(tensor, spec) {
  const round = Math.fround;
  const [mean, std] = [round(spec.mean), round(spec.std)];
  const values = Float32Array.from({ length: 256 }, (_, x) => round(round(round(x / 255) - mean) / std));
  return Float32Array.from(tensor.data, (x) => values[x]);
}
