// The recogniser in Node.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Reader } from "./reader.mjs";

export { beamSearch } from "./beam.mjs";
export { greedy, textOf } from "./decode.mjs";
export { toGray } from "./gray.mjs";
export { LanguageModel } from "./lm.mjs";
export { normalise, prepare } from "./prepare.mjs";
export { FORMAT, InkportError, parseSpec } from "./spec.mjs";

const pathOf = (url) => (String(url).startsWith("file:") ? fileURLToPath(url) : String(url));

/** The files of a folder, by their paths in there. */
export const folder = (url) => async (path) => new Uint8Array(await readFile(join(pathOf(url), path)));

/** onnxruntime-node, which reports to its makers on Linux unless it is told not to before it is loaded. */
async function engine() {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  const loaded = await import("onnxruntime-node");
  return loaded.default ?? loaded;
}

async function platform({ threads = 1, ort, decodeJpeg }) {
  const session = { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
  return { ort: ort ?? (await engine()), session, decodeJpeg };
}

export class Recogniser {
  #reader;

  constructor(reader) {
    this.#reader = reader;
  }

  /**
   * Opens a bundle.
   *
   * @param url Its folder: a path, or a file: URL.
   * @param options.lm Whether to decode with the bundle's language model.
   * @param options.threads Threads of the computation.
   * @param options.ort ONNX Runtime, if not to be imported from onnxruntime-node.
   * @param options.decodeJpeg From a JPEG file's bytes to a promise of its pixels { width, height, data, layout }.
   */
  static async load(url, { lm = false, ...options } = {}) {
    return new Recogniser(await Reader.open({ ...(await platform(options)), get: folder(url) }, { lm }));
  }

  /** Opens a model whose specification came from elsewhere; `model` is its file's content. Options as for load. */
  static async of(spec, model, options = {}) {
    return new Recogniser(await Reader.of(await platform(options), spec, model));
  }

  get spec() {
    return this.#reader.spec;
  }

  /** Reads one line: a Blob or Uint8Array with a file, or pixels { width, height, data }. */
  read(image, options) {
    return this.#reader.read(image, options);
  }

  /** Upright gray of an image, as it is read: { width, height, data }. */
  gray(image, options) {
    return this.#reader.gray(image, options);
  }

  /** The network's output for its input, float32 (1, 1, height, width): { frames, classes, values }. */
  run(values, size) {
    return this.#reader.runValues(values, size);
  }

  /** The first stage that is wrong here, or null; `golden` is the folder, the bundle's own if left out. */
  selfTest(golden, options) {
    return this.#reader.selfTest(golden === undefined ? undefined : folder(golden), options);
  }

  close() {
    return this.#reader.close();
  }
}
