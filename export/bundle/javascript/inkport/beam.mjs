// CTC prefix beam search with a character language model (shallow fusion); the same texts as inkport.core.beam.
// Source: Graves and Jaitly, Towards End-to-End Speech Recognition with Recurrent Neural Networks (2014).

import { checkLogits, greedy, rowOf, transcribe } from "./decode.mjs";
import { InkportError } from "./spec.mjs";

/** Symbols below this are not tried at a frame. */
const LEAST_PROBABILITY = Math.fround(5e-3);
/** Most symbols tried at a frame. */
const MOST_SYMBOLS = 8;
/** Prefixes this far below the best one are dropped, in nats. */
const THRESHOLD = 4.2;
const RATIO = Math.exp(-THRESHOLD);
/** Between these, sums need not be scaled. */
const [SMALL, LARGE] = [1e-100, 1e100];
const SMALLEST_NORMAL = 2 ** -1022;

/** A text so far: the sums over its paths that end in a blank, and in its last symbol, times its bonus. */
function newPrefix(parent, label, factor, state) {
  return {
    parent,
    label,
    factor,
    state,
    children: new Map(),
    blank: 0,
    symbol: 0,
    total: 0,
    newBlank: 0,
    newSymbol: 0,
    frame: -1,
  };
}

/** The labels to try at a frame, the most probable first, and the blank's probability; in float32, as Python has it. */
function candidatesOf(row) {
  const round = Math.fround;
  const peak = row.reduce((most, value) => Math.max(most, value), -Infinity);
  const values = Float32Array.from(row, (value) => Math.exp(round(value - peak)));
  let sum = 0;
  for (const value of values) sum = round(sum + value);
  const found = [];
  for (let label = 0; label < values.length; label++) {
    values[label] = values[label] / sum;
    if (label && values[label] > LEAST_PROBABILITY) found.push({ label, probability: values[label] });
  }
  found.sort((a, b) => b.probability - a.probability);
  return [values[0], found.slice(0, MOST_SYMBOLS)];
}

class Beam {
  constructor(model, spec) {
    this.model = model;
    this.spec = spec;
    this.most = Math.exp(model.beta);
  }

  /** The labels of the best text. */
  search(logits) {
    const root = newPrefix(undefined, 0, 1, this.model.start);
    root.blank = root.total = 1;
    let beam = [root];
    for (let t = 0; t < logits.frames; t++) {
      const [blank, candidates] = candidatesOf(rowOf(logits, t));
      if (candidates.length) {
        this.#extend(beam, t, this.#stay(beam, t, blank, candidates), candidates);
        beam = this.#keep(beam);
      } else {
        // Only a blank: it comes after every prefix alike.
        for (const prefix of beam) {
          prefix.blank = prefix.total;
          prefix.symbol = 0;
        }
      }
    }
    return labelsOf(this.#best(beam));
  }

  #best(beam) {
    let best;
    let most = -1;
    for (const prefix of beam) {
      const value = prefix.total * this.#weight(this.model.end(prefix.state));
      if (value > most) [most, best] = [value, prefix];
    }
    return best;
  }

  #weight(logProbability) {
    return Math.exp(this.model.alpha * Math.min(logProbability, 0));
  }

  /** What a symbol after a state multiplies a score by, and the state after it. */
  #bonus(state, label) {
    if (this.model.alpha === 0) return [this.most, state];
    const [value, next] = this.model.step(state, this.spec.symbols[label - 1]);
    return [this.most * this.#weight(value), next];
  }

  /** Adds the paths on which a prefix stays as it is, and returns the largest such sum. */
  #stay(beam, frame, blank, candidates) {
    let peak = 0;
    for (const prefix of beam) {
      prefix.frame = frame;
      prefix.newBlank = prefix.total * blank;
      const again = candidates.find(({ label }) => label === prefix.label);
      prefix.newSymbol = again ? prefix.symbol * again.probability : 0;
      peak = Math.max(peak, prefix.newBlank + prefix.newSymbol);
    }
    return peak;
  }

  /** Adds each symbol to each prefix where the result can come near the best. */
  #extend(beam, frame, peak, candidates) {
    let limit = peak * RATIO;
    for (const prefix of beam.slice()) {
      for (const { label, probability } of candidates) {
        // The language model can only lower a score.
        if (prefix.total * probability * this.most <= limit) break;
        // The same symbol once more needs a blank between.
        const before = label === prefix.label ? prefix.blank : prefix.total;
        let child = prefix.children.get(label);
        const [factor, state] = child ? [child.factor, child.state] : this.#bonus(prefix.state, label);
        const mass = before * probability * factor;
        if (child?.frame === frame) {
          child.newSymbol += mass;
        } else {
          if (mass <= limit) continue;
          if (!child) prefix.children.set(label, (child = newPrefix(prefix, label, factor, state)));
          child.frame = frame;
          child.newBlank = 0;
          child.newSymbol = mass;
          beam.push(child);
        }
        if (mass > peak) {
          peak = mass;
          limit = mass * RATIO;
        }
      }
    }
  }

  /** Takes over the frame's sums and returns the best prefixes, in order. */
  #keep(touched) {
    for (const prefix of touched) prefix.total = prefix.newBlank + prefix.newSymbol;
    touched.sort((a, b) => b.total - a.total);
    const peak = touched[0].total;
    const kept = [];
    const blanks = new Map();
    for (const prefix of touched) {
      if (kept.length && (prefix.total <= peak * RATIO || kept.length === this.model.beam)) break;
      if (this.model.alpha > 0) {
        // What follows rates prefixes of one state and last symbol alike: the lesser one of both sums cannot win.
        const key = prefix.state * this.spec.classes + prefix.label;
        if (blanks.get(key) >= prefix.newBlank) continue;
        blanks.set(key, prefix.newBlank);
      }
      kept.push(prefix);
    }
    // Only ratios count, so that long lines need not run out of numbers.
    const scale = SMALL < peak && peak < LARGE ? 1 : 1 / Math.max(peak, SMALLEST_NORMAL);
    for (const prefix of kept) {
      prefix.blank = prefix.newBlank * scale;
      prefix.symbol = prefix.newSymbol * scale;
      prefix.total *= scale;
    }
    return kept;
  }
}

function labelsOf(prefix) {
  const labels = [];
  for (let node = prefix; node?.parent; node = node.parent) labels.push(node.label);
  return labels.reverse();
}

/**
 * The best path of a text through a line's frames, as places of "blank, l1, blank, l2, ..., blank".
 * Source: Graves et al., Connectionist Temporal Classification (2006): the recursion with maxima for sums.
 */
function bestPlaces(logits, places) {
  const mayJump = (s) => s >= 2 && places[s] !== 0 && places[s] !== places[s - 2];
  const scores = [];
  for (let t = 0; t < logits.frames; t++) {
    const row = rowOf(logits, t);
    const before = scores.at(-1);
    scores.push(
      Float64Array.from(places, (label, s) => {
        let best = before ? before[s] : s < 2 ? 0 : -Infinity;
        if (before && s >= 1) best = Math.max(best, before[s - 1]);
        if (before && mayJump(s)) best = Math.max(best, before[s - 2]);
        return best + row[label];
      }),
    );
  }
  const last = scores.at(-1);
  let place = places.length - 1;
  if (place && last[place - 1] > last[place]) place--;
  const path = [place];
  for (let t = logits.frames - 2; t >= 0; t--) {
    const stay = scores[t][place];
    const step = place >= 1 ? scores[t][place - 1] : -Infinity;
    const leap = mayJump(place) ? scores[t][place - 2] : -Infinity;
    if (step > stay || leap > stay) place -= step >= leap ? 1 : 2;
    path.push(place);
  }
  return path.reverse();
}

function align(logits, labels, spec) {
  const places = [0, ...labels.flatMap((label) => [label, 0])];
  const route = bestPlaces(logits, places);
  const starts = route.map((place, t) => t === 0 || place !== route[t - 1]);
  return transcribe(
    logits,
    route.map((place) => places[place]),
    starts,
    spec,
  );
}

/** The text that maximises log p(text | image) + alpha log p(text) + beta length. */
export function beamSearch(logits, spec, model) {
  checkLogits(logits, spec);
  if (model.charsetSha256 !== spec.charsetSha256) {
    throw new InkportError("the language model was built for another charset than the recogniser's");
  }
  const plain = greedy(logits, spec);
  if (logits.frames === 0) return plain;
  const labels = new Beam(model, spec).search(logits);
  // The best path of a text that greedy decoding reads is greedy's own.
  const same = labels.length === plain.symbols.length && plain.symbols.every(({ label }, i) => label === labels[i]);
  return same ? plain : align(logits, labels, spec);
}
