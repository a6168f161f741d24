// What no golden line shows, and selfTest makes itself: every level of gray, lines at the limits, every label.

import { greedy } from "./decode.mjs";
import { normalise, prepare } from "./prepare.mjs";
import { InkportError } from "./spec.mjs";

/** Narrowest line, and lowest, in pixels. */
const SIDE = 8;
/** float32 against exact values around 1: a few units in the last place, 2^-24. */
const LEVEL_TOLERANCE = 1e-6;
/** float32 against exact values of 0..1. */
const CHANCE_TOLERANCE = 1e-5;
/** Score of a label in each frame, over 0 of all others; where all are equal the first, the blank, counts. */
const SCORES = [2, 6, 4, 0, 3];
/** Added to all scores of a frame, which changes no probability: a softmax that does not subtract the peak overflows. */
const LIFTS = [0, 1000, -1000, -2000, 2000];
/** The two symbols that these frames are, with their best and least score. */
const SYMBOLS = [
  { first: 0, last: 2, best: 6, least: 2 },
  { first: 4, last: 4, best: 3, least: 3 },
];

/** The step from bytes to the network's floats. */
function checkLevels(spec) {
  const data = Uint8Array.from({ length: 256 }, (_, level) => level);
  const found = normalise({ width: data.length, height: 1, data }, spec);
  const wanted = Array.from(data, (level) => (level - 255 * spec.mean) / (255 * spec.std));
  const close = (value, level) => Math.abs(found[level] - value) <= LEVEL_TOLERANCE * Math.max(1, Math.abs(value));
  const off = wanted.findIndex((value, level) => !close(value, level));
  return off < 0 ? "" : `level ${off} became ${found[off]}, expected ${wanted[off]}`;
}

function madeLine(width, height) {
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => 37 * i) };
}

/** At the network's height nothing is resampled, and all that is not the image is padding. */
function checkNarrowest(spec) {
  const line = madeLine(SIDE, spec.height);
  const { width, height, data } = prepare(line, spec);
  if (width !== Math.max(spec.minWidth, Math.ceil(SIDE / spec.widthMultiple) * spec.widthMultiple) || height !== spec.height) {
    return `a line of 8 px is prepared as ${width} x ${height} px`;
  }
  const wanted = (i) => (i % width < SIDE ? line.data[Math.floor(i / width) * SIDE + (i % width)] : spec.background);
  const off = data.findIndex((value, i) => value !== wanted(i));
  return off < 0 ? "" : `pixel ${off} of a line of 8 px became ${data[off]}, expected ${wanted(off)}`;
}

function isRefused(line, spec) {
  try {
    prepare(line, spec);
    return false;
  } catch (error) {
    if (error instanceof InkportError) return true;
    throw error;
  }
}

/** The narrowest line and those that are refused. */
function checkLimits(spec) {
  const sizes = [
    [spec.maxWidth + 1, spec.height],
    [SIDE - 1, spec.height],
    [10 * SIDE, SIDE - 1],
    [SIDE, 10 * spec.height],
  ];
  const taken = sizes.find((size) => !isRefused(madeLine(...size), spec));
  return taken ? `an image of ${taken.join(" x ")} px is not refused` : checkNarrowest(spec);
}

function read(label, spec) {
  const values = SCORES.flatMap((score, frame) =>
    Array.from({ length: spec.classes }, (_, other) => LIFTS[frame] + (other === label ? score : 0)),
  );
  return greedy({ frames: SCORES.length, classes: spec.classes, values: Float32Array.from(values) }, spec);
}

/** What each stage checks of a reading of scores that are made here: exact on every engine, unlike golden lines in int8. */
const OF_LABEL = {
  ids({ symbols }, label) {
    const same = SYMBOLS.every(({ first, last }, i) => {
      const symbol = symbols[i];
      return symbol?.label === label && symbol.firstFrame === first && symbol.lastFrame === last;
    });
    return same && symbols.length === SYMBOLS.length ? "" : `label ${label} is decoded as others, or in other frames`;
  },

  confidence(reading, label, spec) {
    const chances = SYMBOLS.map(({ best }) => 1 / (1 + (spec.classes - 1) * Math.exp(-best)));
    const wanted = [
      ...SYMBOLS.map(({ least }, i) => ({ confidence: chances[i], gap: least })),
      { confidence: (chances[0] + chances[1]) / 2, gap: 0 },
    ];
    const found = [...reading.symbols, reading];
    const off = wanted.findIndex(
      ({ confidence, gap }, i) =>
        !(Math.abs(found[i].confidence - confidence) <= CHANCE_TOLERANCE) || found[i].gap !== gap,
    );
    if (off < 0) return "";
    const said = ({ confidence, gap }) => `${confidence} and gap ${gap}`;
    const what = off < SYMBOLS.length ? `label ${label}` : "a line";
    return `${what} has confidence ${said(found[off])}, expected ${said(wanted[off])}`;
  },

  /** The text has the symbol twice, whatever number of UTF-16 units it takes. */
  text({ text }, label, spec) {
    const point = spec.symbols[label - 1];
    const points = Array.from(text, (symbol) => symbol.codePointAt(0));
    const same = points.length === SYMBOLS.length && points.every((found) => found === point);
    return same ? "" : `label ${label} became "${text}", expected code point ${point} twice`;
  },
};

function checkLabels(stage, spec) {
  for (let label = 1; label < spec.classes; label++) {
    const fault = OF_LABEL[stage](read(label, spec), label, spec);
    if (fault) return fault;
  }
  return "";
}

/** Stage, name and check of each; a check takes the specification, and returns the first fault's description, or "". */
export const MADE = [
  ["tensor", "every-level", checkLevels],
  ["tensor", "limits", checkLimits],
  ...Object.keys(OF_LABEL).map((stage) => [stage, "every-label", (spec) => checkLabels(stage, spec)]),
];
