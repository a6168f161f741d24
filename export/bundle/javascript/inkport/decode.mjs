// From logits to text: best path of CTC, with confidence and place of every symbol.

import { InkportError } from "./spec.mjs";

/** Logits { frames, classes, values }: float32 before softmax, frame by frame. */
export const rowOf = ({ classes, values }, frame) => values.subarray(frame * classes, (frame + 1) * classes);

function bestLabel(row) {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k] > row[best]) best = k;
  return best;
}

function probability(row, label) {
  const peak = row[bestLabel(row)];
  let sum = 0;
  for (let k = 0; k < row.length; k++) sum += Math.exp(row[k] - peak);
  return Math.fround(Math.exp(row[label] - peak) / sum);
}

/** How far the best logit is above the second best. */
function gapOf(row) {
  let first = -Infinity;
  let second = -Infinity;
  for (const value of row) {
    if (value > first) [first, second] = [value, first];
    else if (value > second) second = value;
  }
  return Math.fround(first - second);
}

/** Throws InkportError if the logits are not what the specification says, or not finite. */
export function checkLogits({ frames, classes, values }, spec) {
  if (classes !== spec.classes || values.length !== frames * classes) {
    throw new InkportError(`the network gave ${classes} classes, its specification says ${spec.classes}`);
  }
  if (!values.every(Number.isFinite)) throw new InkportError("the network gave values that are not finite");
}

/** What a path reads. A run of frames begins where starts[t] is set: neighbours of one label are one symbol or two. */
export function transcribe(logits, path, starts, spec) {
  const symbols = [];
  let least = Infinity;
  path.forEach((label, frame) => {
    const row = rowOf(logits, frame);
    const gap = gapOf(row);
    least = Math.min(least, gap);
    if (label === 0) return;
    const chance = probability(row, label);
    if (starts[frame]) {
      const codePoint = spec.symbols[label - 1];
      symbols.push({ label, codePoint, firstFrame: frame, lastFrame: frame, confidence: chance, gap });
      return;
    }
    const symbol = symbols.at(-1);
    symbol.lastFrame = frame;
    symbol.confidence = Math.max(symbol.confidence, chance);
    symbol.gap = Math.min(symbol.gap, gap);
  });
  const text = symbols.map((symbol) => String.fromCodePoint(symbol.codePoint)).join("");
  const sum = symbols.reduce((total, symbol) => total + symbol.confidence, 0);
  return { text, symbols, confidence: symbols.length ? sum / symbols.length : NaN, gap: least };
}

/** The text of labels 1 .. classes - 1. Throws InkportError for any other. */
export function textOf(labels, spec) {
  const unknown = labels.find((label) => !(label >= 1 && label < spec.classes));
  if (unknown !== undefined) throw new InkportError(`label ${unknown} has no symbol`);
  return labels.map((label) => String.fromCodePoint(spec.symbols[label - 1])).join("");
}

/**
 * Best path: the best label of each frame, equal neighbours merged, blanks dropped.
 * Source: Graves, Supervised Sequence Labelling with Recurrent Neural Networks (2012), section 7.5.1.
 */
export function greedy(logits, spec) {
  checkLogits(logits, spec);
  const path = Array.from({ length: logits.frames }, (_, frame) => bestLabel(rowOf(logits, frame)));
  const starts = path.map((label, frame) => frame === 0 || label !== path[frame - 1]);
  return transcribe(logits, path, starts, spec);
}
