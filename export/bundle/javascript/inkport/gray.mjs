// From decoded pixels to gray, 0 black .. 255 white.

import { InkportError } from "./spec.mjs";

// Bytes per pixel, by how its channels lie in memory. Alpha is straight, not premultiplied, as in ImageData.
const LAYOUTS = { gray8: 1, grayAlpha8: 2, rgb8: 3, bgr8: 3, rgba8: 4, bgra8: 4 };

/** ITU-R BT.601 in 16 fractional bits, as Pillow and libjpeg compute it. */
export const luma = (red, green, blue) => (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;

/** A channel of a transparent pixel on white paper: (a c + (255 - a) 255) / 255, rounded. */
export function onWhite(value, alpha) {
  const sum = value * alpha + 255 * (255 - alpha) + 128;
  return ((sum >> 8) + sum) >> 8;
}

const GRAY_OF = {
  gray8: (d, at) => d[at],
  grayAlpha8: (d, at) => onWhite(d[at], d[at + 1]),
  rgb8: (d, at) => luma(d[at], d[at + 1], d[at + 2]),
  bgr8: (d, at) => luma(d[at + 2], d[at + 1], d[at]),
  rgba8: (d, at) => luma(onWhite(d[at], d[at + 3]), onWhite(d[at + 1], d[at + 3]), onWhite(d[at + 2], d[at + 3])),
  bgra8: (d, at) => luma(onWhite(d[at + 2], d[at + 3]), onWhite(d[at + 1], d[at + 3]), onWhite(d[at], d[at + 3])),
};

/** Turns a picture upright: the value of EXIF's tag 0x0112, 1 to 8; anything else leaves it as it is. */
export function turn(image, orientation) {
  if (!(orientation >= 2 && orientation <= 8)) return image;
  const swapped = orientation >= 5;
  const [width, height] = swapped ? [image.height, image.width] : [image.width, image.height];
  const mirrored = [2, 3, 7, 8].includes(orientation);
  const upsideDown = [3, 4, 6, 7].includes(orientation);
  const data = new Uint8Array(image.data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const [right, down] = swapped ? [y, x] : [x, y];
      const u = mirrored ? image.width - 1 - right : right;
      const v = upsideDown ? image.height - 1 - down : down;
      data[at] = image.data[v * image.width + u];
    }
  }
  return { width, height, data };
}

/**
 * Gray of decoded pixels, turned upright.
 *
 * @param image { width, height, data }: bytes row by row without gaps, in pixels before turning; an ImageData is one.
 * @param layout A name of LAYOUTS; that of ImageData if left out.
 * @param orientation EXIF's; 1 if there is none.
 */
export function toGray({ width, height, data }, layout = "rgba8", orientation = 1) {
  const step = LAYOUTS[layout];
  if (!step) throw new InkportError(`pixels of layout ${layout}, expected one of ${Object.keys(LAYOUTS).join(", ")}`);
  if (!(width >= 1 && height >= 1) || data.length !== width * height * step) {
    throw new InkportError(`${data.length} bytes for ${width} x ${height} pixels of ${step} bytes`);
  }
  const grayOf = GRAY_OF[layout];
  const gray = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < gray.length; i++, at += step) gray[i] = grayOf(data, at);
  return turn({ width, height, data: gray }, orientation);
}
