// The browser's side of the recogniser that computes: a worker, so that the page stays responsive.

import { Reader } from "./reader.mjs";

let reader;

/** Pixels of whatever a canvas can draw, as sRGB bytes with straight alpha. */
function drawn(image) {
  const width = image.displayWidth ?? image.width;
  const height = image.displayHeight ?? image.height;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

async function pixelsOf(image) {
  if (!(image instanceof Blob)) return drawn(image);
  // No colour space is converted, and EXIF's orientation is applied.
  const options = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(image, options);
  try {
    return drawn(bitmap);
  } finally {
    bitmap.close();
  }
}

/** The files of a folder on the network, by their paths in there. */
const folder = (url) => async (path) => {
  const response = await fetch(new URL(path, url));
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
};

async function platform({ ortUrl, threads }) {
  const ort = await import(new URL("ort.wasm.min.mjs", ortUrl).href);
  ort.env.wasm.wasmPaths = ortUrl;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const session = { executionProviders: ["wasm"], intraOpNumThreads: threads, interOpNumThreads: 1 };
  return { ort, session, pixelsOf };
}

const OPERATIONS = {
  async load({ url, lm, ...options }) {
    reader = await Reader.open({ ...(await platform(options)), get: folder(url) }, { lm });
    return reader.spec;
  },
  async of({ spec, model, ...options }) {
    reader = await Reader.of(await platform(options), spec, model);
    return reader.spec;
  },
  read: ({ image, options }) => reader.read(image, options),
  gray: ({ image, options }) => reader.gray(image, options),
  run: ({ values, height, width }) => reader.runValues(values, { height, width }),
  selfTest: ({ golden, options }) => reader.selfTest(golden && folder(golden), options),
  close: () => reader.close(),
};

self.onmessage = async ({ data: { id, op, ...request } }) => {
  try {
    self.postMessage({ id, result: await OPERATIONS[op](request) });
  } catch (error) {
    self.postMessage({ id, error: error?.message ?? String(error) });
  }
};
