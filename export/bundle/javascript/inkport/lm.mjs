// The character language model: a trie of n-grams with links to the shorter ones. docs/embed/format.md has its file.

import { FORMAT, InkportError } from "./spec.mjs";

const MAGIC = "INKLM\r\n\x1a";
const HEAD_BYTES = 112;
/** Bytes per node in the file. */
const NODE_BYTES = 10;
const [START, END] = [1, 2];

const damaged = (what) => new InkportError(`the language model ${what}`);
const ascii = (bytes) => String.fromCharCode(...bytes);

/** IEEE 754 half precision. */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (fraction + 1024) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

export class LanguageModel {
  #points;
  #children;
  #first;
  #links;
  #states;
  #logProb;
  #backoff;

  /** Parses a file of `inkport bundle --lm`. Throws InkportError if it is none, is damaged, or holds no trie. */
  constructor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (ascii(bytes.subarray(0, 8)) !== MAGIC) throw new InkportError("no language model of inkport bundle");
    if (bytes.length < HEAD_BYTES) throw damaged("is cut off");
    const format = view.getUint32(8, true);
    if (format !== FORMAT) throw damaged(`has format ${format}, this module reads ${FORMAT}`);
    this.order = view.getUint32(12, true);
    const nodes = view.getUint32(16, true);
    /** Most prefixes kept per frame. */
    this.beam = view.getUint32(20, true);
    /** Weight of its log-probability. */
    this.alpha = view.getFloat64(24, true);
    /** Added per symbol. */
    this.beta = view.getFloat64(32, true);
    this.unknown = view.getFloat64(40, true);
    this.charsetSha256 = ascii(bytes.subarray(48, HEAD_BYTES));
    if (nodes < 1 || bytes.length !== HEAD_BYTES + NODE_BYTES * nodes) throw damaged("is cut off");
    this.#checkHead();
    this.#readNodes(view, HEAD_BYTES, nodes);
    this.#link(nodes);
    const begins = this.#child(0, START);
    /** The state before the first symbol. */
    this.start = begins < 0 ? 0 : this.#states[begins];
  }

  #checkHead() {
    const weights = this.alpha >= 0 && this.alpha <= 100 && Math.abs(this.beta) <= 100 && this.beam >= 1;
    if (!weights || this.order < 1 || this.order > 32 || !(this.unknown <= 0 && this.unknown > -Infinity)) {
      throw damaged("has a head that is out of range");
    }
  }

  #readNodes(view, at, nodes) {
    const next = (size, read) => {
      const values = (i) => read(at + size * i);
      const array = Array.from({ length: nodes }, (_, i) => values(i));
      at += size * nodes;
      return array;
    };
    this.#points = Uint32Array.from(next(4, (i) => view.getUint32(i, true)));
    this.#children = Uint16Array.from(next(2, (i) => view.getUint16(i, true)));
    this.#logProb = Float32Array.from(next(2, (i) => half(view.getUint16(i, true))));
    this.#backoff = Float32Array.from(next(2, (i) => half(view.getUint16(i, true))));
    if (!this.#logProb.every((value) => value <= 0 && value > -Infinity) || !this.#backoff.every(Number.isFinite)) {
      throw damaged("holds a probability above 1, or no number");
    }
  }

  /** The child of a node by its symbol, or -1. */
  #child(node, symbol) {
    let low = this.#first[node];
    let high = this.#first[node + 1];
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle] < symbol) low = middle + 1;
      else high = middle;
    }
    return low < end && this.#points[low] === symbol ? low : -1;
  }

  #link(nodes) {
    const parent = this.#order(nodes);
    this.#links = new Uint32Array(nodes);
    let begin = 1;
    let end = this.#first[1];
    for (let length = 1; length < this.order; length++) {
      [begin, end] = [end, this.#first[end]];
      for (let node = begin; node < end; node++) {
        let context = this.#links[parent[node]];
        while (this.#child(context, this.#points[node]) < 0 && context !== 0) context = this.#links[context];
        this.#links[node] = Math.max(0, this.#child(context, this.#points[node]));
      }
    }
    if (end !== nodes) throw damaged("has longer n-grams than its order");
    // Where nothing continues a context, the next shorter one goes on.
    this.#states = Uint32Array.from({ length: nodes }, (_, node) => {
      while (node !== 0 && this.#children[node] === 0 && this.#backoff[node] === 0) node = this.#links[node];
      return node;
    });
  }

  /** Finds each node's first child, checks that the nodes are a trie in order, and returns their parents. */
  #order(nodes) {
    const first = (this.#first = new Uint32Array(nodes + 1));
    const parent = new Uint32Array(nodes);
    first[0] = 1;
    for (let node = 0; node < nodes; node++) {
      const end = (first[node + 1] = first[node] + this.#children[node]);
      // A node comes after the one that it continues, so that every walk to a parent ends.
      if (end > nodes || (node + 1 < nodes && end < node + 2)) throw damaged("holds nodes that make no trie");
      for (let child = first[node]; child < end; child++) {
        parent[child] = node;
        if (child > first[node] && this.#points[child - 1] >= this.#points[child]) {
          throw damaged("holds n-grams that are not in order");
        }
      }
    }
    if (first[nodes] !== nodes) throw damaged("holds nodes that make no trie");
    return parent;
  }

  /** The natural log-probability of a symbol after a state, and the state after it: [value, state]. */
  step(state, symbol) {
    let weight = 0;
    for (;;) {
      const node = this.#child(state, symbol);
      if (node >= 0) return [weight + this.#logProb[node], this.#states[node]];
      weight += this.#backoff[state];
      if (state === 0) return [weight + this.unknown, 0];
      state = this.#links[state];
    }
  }

  /** The natural log-probability that the line ends after a state. */
  end(state) {
    return this.step(state, END)[0];
  }
}
