// The recogniser in a browser: a worker reads, this side asks it.

import { InkportError } from "./spec.mjs";

export { beamSearch } from "./beam.mjs";
export { greedy, textOf } from "./decode.mjs";
export { toGray } from "./gray.mjs";
export { LanguageModel } from "./lm.mjs";
export { normalise, prepare } from "./prepare.mjs";
export { FORMAT, InkportError, parseSpec } from "./spec.mjs";

/** A folder's address with a slash at its end, so that paths are taken from inside it. */
const folderUrl = (url) => new URL(String(url).replace(/\/?$/, "/"), document.baseURI).href;

export class Recogniser {
  #worker;
  #waiting = new Map();
  #last = 0;

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new InkportError(error));
    };
    worker.onerror = (event) => this.#fail(event.message || "the worker cannot be loaded");
  }

  /**
   * Opens a bundle.
   *
   * @param url Its folder, seen from the page.
   * @param options.lm Whether to decode with the bundle's language model.
   * @param options.threads Threads of the computation; more than one needs a page that is cross-origin isolated.
   * @param options.ort Folder of onnxruntime-web's files: `ort/` in the bundle's if left out.
   */
  static load(url, { lm = false, threads = 1, ort } = {}) {
    const folder = folderUrl(url);
    const ortUrl = ort === undefined ? `${folder}ort/` : folderUrl(ort);
    return Recogniser.#start("load", { url: folder, lm, threads, ortUrl });
  }

  /** Opens a model whose specification came from elsewhere; `model` is its file's content, `ort` has to be named. */
  static of(spec, model, { threads = 1, ort }) {
    return Recogniser.#start("of", { spec, model, threads, ortUrl: folderUrl(ort) });
  }

  static async #start(op, request) {
    const worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    const recogniser = new Recogniser(worker);
    try {
      recogniser.spec = await recogniser.#ask(op, request);
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return recogniser;
  }

  /** Reads one line: a Blob with a file, an ImageBitmap, an ImageData, or a VideoFrame. */
  read(image, options) {
    return this.#ask("read", { image, options });
  }

  /** Upright gray of an image, as it is read: { width, height, data }. */
  gray(image, options) {
    return this.#ask("gray", { image, options });
  }

  /** The network's output for its input, float32 (1, 1, height, width): { frames, classes, values }. */
  run(values, { height, width }) {
    return this.#ask("run", { values, height, width });
  }

  /** The first stage that is wrong here, or null; `golden` is the folder, the bundle's own if left out. */
  selfTest(golden, options) {
    return this.#ask("selfTest", { golden: golden && folderUrl(golden), options });
  }

  async close() {
    await this.#ask("close");
    this.#worker.terminate();
  }

  #ask(op, request) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      try {
        this.#worker.postMessage({ id, op, ...request });
      } catch (error) {
        this.#waiting.delete(id);
        reject(new InkportError(`what was passed cannot be handed to the worker: ${error.message}`));
      }
    });
  }

  #fail(message) {
    for (const { reject } of this.#waiting.values()) reject(new InkportError(message));
    this.#waiting.clear();
  }
}
