// PNG to gray: every colour type, without interlacing; colour becomes gray by the luma of ITU-R BT.601.

import { inflateSync } from "node:zlib";

import { orientationOf, upright } from "./exif.mjs";
import { crc32 } from "./zip.mjs";

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Returns { shape: [h, w], data }, bytes, 0 black .. 255 white, turned upright. */
export function decodePng(bytes) {
  const { header, palette, alpha, exif, packed } = readChunks(bytes);
  const { width, height, depth, colour } = header;
  if (alpha && colour !== 3) throw new Error("a PNG with one transparent colour; this runner does not read it");
  const channels = CHANNELS[colour];
  const stride = Math.ceil((width * channels * depth) / 8);
  const rows = unfilter(inflateSync(packed), height, stride, Math.max(1, (channels * depth) >> 3));
  const gray = new Uint8Array(width * height);
  const sample = reader(rows, stride, depth);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const values = Array.from({ length: channels }, (_, c) => sample(y, x * channels + c));
      gray[i] = toGray(values, { colour, depth, palette, alpha });
    }
  }
  return upright({ shape: [height, width], data: gray }, exif ? orientationOf(exif) : 1);
}

function readChunks(bytes) {
  if (bytes.toString("latin1", 0, 8) !== "\x89PNG\r\n\x1a\n") throw new Error("not a PNG; this runner reads no other format");
  const data = [];
  const found = {};
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString("latin1", at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length)) {
      throw new Error(`damaged PNG: chunk ${type}`);
    }
    if (type === "IHDR") {
      found.header = { width: body.readUInt32BE(0), height: body.readUInt32BE(4), depth: body[8], colour: body[9] };
      if (body[12]) throw new Error("an interlaced PNG; this runner does not read it");
    }
    if (type === "PLTE") found.palette = body;
    if (type === "tRNS") found.alpha = body;
    if (type === "eXIf") found.exif = body;
    if (type === "IDAT") data.push(body);
    at += 12 + length;
  }
  return { ...found, packed: Buffer.concat(data) };
}

/** Undoes the filters of PNG (section 9 of the specification), in place; returns the rows without filter bytes. */
function unfilter(raw, height, stride, pixel) {
  const out = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= pixel ? out[at - pixel] : 0;
      const up = y ? out[at - stride] : 0;
      const corner = y && x >= pixel ? out[at - stride - pixel] : 0;
      out[at] = raw[y * (stride + 1) + 1 + x] + predict(filter, left, up, corner);
    }
  }
  return out;
}

function predict(filter, left, up, corner) {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function reader(rows, stride, depth) {
  if (depth === 8) return (y, i) => rows[y * stride + i];
  if (depth === 16) return (y, i) => rows[y * stride + 2 * i] * 256 + rows[y * stride + 2 * i + 1];
  return (y, i) => (rows[y * stride + ((i * depth) >> 3)] >> (8 - depth - ((i * depth) & 7))) & ((1 << depth) - 1);
}

function toGray(values, { colour, depth, palette, alpha }) {
  const white = 2 ** depth - 1;
  if (colour === 0) return Math.floor((values[0] * 510 + white) / (2 * white));
  if (depth === 16) values = values.map((value) => value >> 8);
  const opacity = { 3: alpha?.[values[0]] ?? 255, 4: values[1], 6: values[3] }[colour] ?? 255;
  let [red, green, blue] = values;
  if (colour === 3) [red, green, blue] = palette.subarray(3 * values[0]);
  if (colour === 4) green = blue = red;
  const paper = (value) => Math.round((value * opacity + 255 * (255 - opacity)) / 255);
  return (19595 * paper(red) + 38470 * paper(green) + 7471 * paper(blue) + 32768) >> 16;
}
