// PNG to gray. Not by the browser: a canvas keeps 8 bits of 16, and may convert colours to the display's.

import { orientationOf } from "./exif.mjs";
import { luma, onWhite, turn } from "./gray.mjs";
import { InkportError } from "./spec.mjs";

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** Most pixels of a file: what a phone's camera takes, several times over. */
const MAX_PIXELS = 1 << 28;
// First column and row, and steps, of the passes of an interlaced file (section 8.2 of the specification).
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

export const isPng = (bytes) => [0x89, 0x50, 0x4e, 0x47].every((value, i) => bytes[i] === value);

/** Decodes a file to upright gray { width, height, data }. Throws InkportError if it is damaged. */
export async function decodePng(bytes) {
  const chunks = readChunks(bytes);
  const header = readHeader(chunks.get("IHDR")?.[0]);
  const raw = await inflate(chunks.get("IDAT") ?? []);
  const palette = chunks.get("PLTE")?.[0];
  if (header.colour === 3 && !palette) throw new InkportError("PNG: no palette");
  const toGray = converter({ ...header, palette, clear: chunks.get("tRNS")?.[0] });
  const data = new Uint8Array(header.width * header.height);
  let at = 0;
  for (const [left, top, across, down] of header.interlaced ? PASSES : [[0, 0, 1, 1]]) {
    const width = Math.ceil((header.width - left) / across);
    const height = Math.ceil((header.height - top) / down);
    if (width < 1 || height < 1) continue;
    const stride = Math.ceil((width * header.channels * header.depth) / 8);
    if (raw.length < at + height * (stride + 1)) throw new InkportError("PNG: the file is cut off");
    const rows = unfilter(raw.subarray(at), height, stride, Math.max(1, (header.channels * header.depth) >> 3));
    at += height * (stride + 1);
    const sample = reader(rows, stride, header.depth);
    for (let y = 0; y < height; y++) {
      const row = (top + y * down) * header.width + left;
      for (let x = 0; x < width; x++) data[row + x * across] = toGray(sample, y, x * header.channels);
    }
  }
  const exif = chunks.get("eXIf")?.[0];
  return turn({ width: header.width, height: header.height, data }, exif ? orientationOf(exif) : 1);
}

function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = new Map();
  for (let at = 8; !chunks.has("IEND"); ) {
    if (at + 12 > bytes.length) throw new InkportError("PNG: the file is cut off");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw new InkportError("PNG: the file is cut off");
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw new InkportError(`PNG: chunk ${type} is damaged`);
    }
    chunks.set(type, [...(chunks.get(type) ?? []), bytes.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return chunks;
}

const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = -1;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

function readHeader(body) {
  if (body?.length !== 13) throw new InkportError("PNG: no header");
  const view = new DataView(body.buffer, body.byteOffset, 13);
  const [width, height, depth, colour] = [view.getUint32(0), view.getUint32(4), body[8], body[9]];
  if (!DEPTHS[colour]?.includes(depth) || body[12] > 1) throw new InkportError("PNG: the header is damaged");
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) {
    throw new InkportError(`PNG: ${width} x ${height} px, at most ${MAX_PIXELS} pixels are decoded`);
  }
  return { width, height, depth, colour, channels: CHANNELS[colour], interlaced: body[12] === 1 };
}

async function inflate(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw new InkportError(`PNG: the pixels are damaged (${error.message})`);
  }
}

/** Undoes the filters (section 9 of the specification); returns the rows without filter bytes. */
function unfilter(raw, height, stride, pixel) {
  const out = new Uint8Array(height * stride);
  for (let y = 0, at = 0, from = 0; y < height; y++) {
    const filter = raw[from++];
    if (filter > 4) throw new InkportError("PNG: the pixels are damaged");
    for (let x = 0; x < stride; x++, at++) {
      const left = x >= pixel ? out[at - pixel] : 0;
      const up = y ? out[at - stride] : 0;
      const corner = y && x >= pixel ? out[at - stride - pixel] : 0;
      out[at] = raw[from++] + predict(filter, left, up, corner);
    }
  }
  return out;
}

function predict(filter, left, up, corner) {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** Returns what reads the i-th sample of a row, as the file holds it. */
function reader(rows, stride, depth) {
  if (depth === 8) return (y, i) => rows[y * stride + i];
  if (depth === 16) return (y, i) => rows[y * stride + 2 * i] * 256 + rows[y * stride + 2 * i + 1];
  return (y, i) => (rows[y * stride + ((i * depth) >> 3)] >> (8 - depth - ((i * depth) & 7))) & ((1 << depth) - 1);
}

/** Returns what makes gray of the samples of one pixel: 16 bits of gray are rounded, of colour the high byte counts. */
function converter({ depth, colour, palette, clear }) {
  const cut = depth === 16 ? 8 : 0;
  const hidden = clear && colour !== 3 ? new DataView(clear.buffer, clear.byteOffset, clear.byteLength) : undefined;
  if (colour === 0) return grayLevels(2 ** depth - 1, hidden?.getUint16(0));
  if (colour === 2) return colours(cut, hidden && [0, 2, 4].map((at) => hidden.getUint16(at)));
  if (colour === 3) {
    const levels = paletteLevels(palette, clear ?? []);
    return (sample, y, i) => levels[sample(y, i)];
  }
  if (colour === 4) return (sample, y, i) => onWhite(sample(y, i) >> cut, sample(y, i + 1) >> cut);
  return (sample, y, i) => {
    const alpha = sample(y, i + 3) >> cut;
    const [red, green, blue] = [sample(y, i) >> cut, sample(y, i + 1) >> cut, sample(y, i + 2) >> cut];
    return luma(onWhite(red, alpha), onWhite(green, alpha), onWhite(blue, alpha));
  };
}

const grayLevels = (most, nothing) => (sample, y, i) => {
  const value = sample(y, i);
  return value === nothing ? 255 : Math.floor((value * 510 + most) / (2 * most));
};

const colours = (cut, nothing) => (sample, y, i) => {
  const [red, green, blue] = [sample(y, i), sample(y, i + 1), sample(y, i + 2)];
  if (nothing && red === nothing[0] && green === nothing[1] && blue === nothing[2]) return 255;
  return luma(red >> cut, green >> cut, blue >> cut);
};

function paletteLevels(palette, alphas) {
  return Uint8Array.from({ length: 256 }, (_, entry) => {
    const alpha = alphas[entry] ?? 255;
    return luma(...[0, 1, 2].map((channel) => onWhite(palette[3 * entry + channel] ?? 0, alpha)));
  });
}
