// The recogniser itself, for one thread: files of a bundle and an engine in, readings out. Browser and Node share it.

import { beamSearch } from "./beam.mjs";
import { greedy } from "./decode.mjs";
import { jpegOrientation } from "./exif.mjs";
import { toGray } from "./gray.mjs";
import { LanguageModel } from "./lm.mjs";
import { decodePng, isPng } from "./png.mjs";
import { normalise, prepare } from "./prepare.mjs";
import { selfTest } from "./selftest.mjs";
import { InkportError, parseSpec } from "./spec.mjs";

const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;

/** What Node and browsers do differently. */
const PLATFORM = {
  /** A file of the bundle, by its path in there, as bytes. */
  get: undefined,
  /** ONNX Runtime: the module onnxruntime-web or onnxruntime-node. */
  ort: undefined,
  /** Options of its session. */
  session: {},
  /** A JPEG file's pixels { width, height, data, layout }, not turned; undefined where there is no decoder. */
  decodeJpeg: undefined,
  /** Gray of anything else that is passed to read; undefined where there is none. */
  pixelsOf: undefined,
};

export class Reader {
  #platform;
  #session;
  #model;

  constructor(platform, spec, session) {
    this.#platform = platform;
    this.#session = session;
    this.spec = spec;
  }

  /** Opens a bundle; `lm` says whether to decode with its language model. */
  static async open(platform, { lm = false } = {}) {
    platform = { ...PLATFORM, ...platform };
    const text = new TextDecoder().decode(await platform.get("specification.txt"));
    const spec = parseSpec(text);
    const reader = await Reader.of(platform, spec, await platform.get(spec.model));
    if (lm) reader.use(new LanguageModel(await platform.get("lm.inklm")));
    return reader;
  }

  /** Opens a model whose specification came from elsewhere; `model` is the content of its file. */
  static async of(platform, spec, model) {
    let session;
    try {
      session = await platform.ort.InferenceSession.create(model, { logSeverityLevel: 3, ...platform.session });
    } catch (error) {
      throw new InkportError(`ONNX Runtime refuses the model: ${error.message}`);
    }
    return new Reader({ ...PLATFORM, ...platform }, spec, session);
  }

  /** Decodes with a language model from now on. */
  use(model) {
    if (model.charsetSha256 !== this.spec.charsetSha256) {
      throw new InkportError("the language model was built for another charset than the recogniser's");
    }
    this.#model = model;
  }

  /** Reads one line: a file, decoded pixels, or what the platform has besides. */
  async read(image, options) {
    return this.decode(await this.run(prepare(await this.gray(image, options), this.spec)));
  }

  /** Upright gray of an image; `layout` and EXIF's `orientation` are those of decoded pixels. */
  async gray(image, { layout, orientation } = {}) {
    if (image instanceof Blob) return this.#decode(new Uint8Array(await image.arrayBuffer()));
    if (image instanceof Uint8Array) return this.#decode(image);
    if (image?.data) return toGray(image, layout, orientation);
    if (!this.#platform.pixelsOf) throw new InkportError("pass a file as Blob or bytes, or { width, height, data }");
    return toGray(await this.#platform.pixelsOf(image));
  }

  async #decode(bytes) {
    if (isPng(bytes)) return decodePng(bytes);
    const { decodeJpeg, pixelsOf } = this.#platform;
    if (isJpeg(bytes) && decodeJpeg) {
      const { layout, ...pixels } = await decodeJpeg(bytes);
      return toGray(pixels, layout, jpegOrientation(bytes));
    }
    if (!pixelsOf) {
      throw new InkportError("a file that is no PNG: pass decodeJpeg to load, or decode it and pass { width, height, data }");
    }
    return toGray(await pixelsOf(new Blob([bytes])));
  }

  /** The network's output for a prepared line. */
  async run(tensor) {
    return this.runValues(normalise(tensor, this.spec), tensor);
  }

  /** The same for the network's input, float32 (1, 1, height, width). */
  async runValues(values, { height, width }) {
    const { input, output } = this.spec;
    const images = new this.#platform.ort.Tensor("float32", values, [1, 1, height, width]);
    const { [output]: logits } = await this.#session.run({ [input]: images }, [output]);
    const [, frames, classes] = logits.dims.map(Number);
    return { frames, classes, values: logits.data };
  }

  /** Greedy, or with the language model that is in use. */
  decode(logits) {
    return this.#model ? beamSearch(logits, this.spec, this.#model) : greedy(logits, this.spec);
  }

  /** The first stage that is wrong on this device, or null; `golden` gives the files of golden/ by their paths in there. */
  async selfTest(golden, options) {
    const files = golden ?? ((path) => this.#platform.get(`golden/${path}`));
    const { decodeJpeg, pixelsOf, get } = this.#platform;
    return selfTest(this, files, { bundle: get, jpeg: Boolean(decodeJpeg ?? pixelsOf), ...options });
  }

  async close() {
    await this.#session.release();
  }
}
