/** An image of one channel: 0 black .. 255 white, row by row without gaps. */
export interface Gray {
  width: number;
  height: number;
  data: Uint8Array;
}

/** How the channels of decoded pixels lie in memory; alpha is straight, not premultiplied. */
export type Layout = "gray8" | "grayAlpha8" | "rgb8" | "bgr8" | "rgba8" | "bgra8";

/** Decoded pixels; an ImageData is one. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

/** What is said of pixels that are passed. */
export interface PixelOptions {
  /** "rgba8" if left out. */
  layout?: Layout;
  /** EXIF's orientation (tag 0x0112), 1 to 8; 1 if left out. */
  orientation?: number;
}

/** The content of specification.txt. */
export interface Spec {
  readonly name: string;
  readonly version: string;
  readonly precision: string;
  readonly model: string;
  readonly charsetSha256: string;
  readonly input: string;
  readonly output: string;
  readonly height: number;
  readonly widthMultiple: number;
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly background: number;
  readonly stride: number;
  readonly mean: number;
  readonly std: number;
  /** Unicode code points; symbols[i] has label i + 1, label 0 is the CTC blank. */
  readonly symbols: readonly number[];
  readonly classes: number;
}

/** One symbol that was read. */
export interface ReadSymbol {
  label: number;
  /** Unicode. */
  codePoint: number;
  /** Counted from 0. */
  firstFrame: number;
  /** Included. */
  lastFrame: number;
  /** Softmax probability at its best frame, 0..1. */
  confidence: number;
  /** Smallest difference of the two best logits over its frames. */
  gap: number;
}

/** What was read on one line. */
export interface Reading {
  /** In Unicode's normal form C. */
  text: string;
  /** In reading order. */
  symbols: ReadSymbol[];
  /** Mean of the symbols'; NaN without symbols. */
  confidence: number;
  /** Smallest over all frames, blank ones included. */
  gap: number;
}

/** Scores of one line before softmax: frames x classes, frame by frame. */
export interface Logits {
  frames: number;
  classes: number;
  values: Float32Array;
}

/** The first stage that is wrong. */
export interface Fault {
  stage: "bundle" | "gray" | "tensor" | "ids" | "confidence" | "text";
  /** Name of the golden line. */
  line: string;
  /** What was found, for a person. */
  detail: string;
}

export interface LoadOptions {
  /** Whether to decode with the bundle's language model. */
  lm?: boolean;
  /** Threads of the computation; 1 if left out. In a browser, more need a page that is cross-origin isolated. */
  threads?: number;
  /** Browser: folder of onnxruntime-web's files, `ort/` in the bundle's if left out. Node: the engine's module. */
  ort?: unknown;
  /** Node: from a JPEG file's bytes to its pixels, as they are stored. */
  decodeJpeg?: (bytes: Uint8Array) => Promise<Pixels & { layout?: Layout }>;
}

export interface SelfTestOptions {
  /** Levels by which gray of a JPEG file may differ: 0 with libjpeg-turbo, 1 with other decoders; 0 if left out. */
  jpegTolerance?: number;
}

/** A recogniser of one line at a time. */
export class Recogniser {
  /** Opens a bundle: its folder's address in a browser, its path in Node. */
  static load(url: string | URL, options?: LoadOptions): Promise<Recogniser>;
  /** Opens a model whose specification came from elsewhere; `model` is its file's content. */
  static of(spec: Spec, model: Uint8Array, options?: LoadOptions): Promise<Recogniser>;
  readonly spec: Spec;
  /** Upright gray of an image, as it is read. */
  gray(image: Blob | Uint8Array | Pixels | ImageBitmap | VideoFrame, options?: PixelOptions): Promise<Gray>;
  /** The network's output for its input, (1, 1, height, width). */
  run(values: Float32Array, size: { height: number; width: number }): Promise<Logits>;
  /** Reads one line of text. Browser: also ImageBitmap and VideoFrame. Node: PNG files, others with `decodeJpeg`. */
  read(image: Blob | Uint8Array | Pixels | ImageBitmap | VideoFrame, options?: PixelOptions): Promise<Reading>;
  /** The first stage that is wrong on this device, or null. */
  selfTest(golden?: string | URL, options?: SelfTestOptions): Promise<Fault | null>;
  close(): Promise<void>;
}

/** A character language model: a file of `inkport bundle --lm`. */
export class LanguageModel {
  constructor(bytes: Uint8Array);
  readonly alpha: number;
  readonly beta: number;
  readonly beam: number;
}

/** Whatever is wrong with a file, an image or an engine. */
export class InkportError extends Error {}

/** Version of the specification that is read. */
export const FORMAT: number;

export function parseSpec(text: string): Spec;
export function toGray(pixels: Pixels, layout?: Layout, orientation?: number): Gray;
export function prepare(gray: Gray, spec: Spec): Gray;
export function normalise(tensor: Gray, spec: Spec): Float32Array;
export function greedy(logits: Logits, spec: Spec): Reading;
export function beamSearch(logits: Logits, spec: Spec, model: LanguageModel): Reading;
export function textOf(labels: number[], spec: Spec): string;
