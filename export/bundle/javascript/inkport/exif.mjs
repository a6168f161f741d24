// EXIF's orientation, which phones store instead of turning the picture.

const TAG = 0x0112;

/** The orientation in a block of EXIF data (a TIFF header and its first directory); 1 if it says none. */
export function orientationOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8 || (!little && bytes[0] !== 0x4d)) return 1;
  const short = (at) => (at + 2 <= bytes.length ? view.getUint16(at, little) : 0);
  const directory = view.getUint32(4, little);
  const count = short(directory);
  for (let entry = directory + 2, i = 0; i < count && entry < bytes.length; i++, entry += 12) {
    if (short(entry) === TAG) return short(entry + 8);
  }
  return 1;
}

/** The orientation of a JPEG file; 1 if it says none. */
export function jpegOrientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    // Where the scan begins, the heads are over.
    if (marker === 0xda) break;
    const size = view.getUint16(at + 2);
    const body = bytes.subarray(at + 4, at + 2 + size);
    if (marker === 0xe1 && String.fromCharCode(...body.subarray(0, 6)) === "Exif\0\0") return orientationOf(body.subarray(6));
    at += 2 + size;
  }
  return 1;
}
