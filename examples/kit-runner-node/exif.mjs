// EXIF's orientation: a picture is stored as the sensor lay, and says how it has to be turned.

const ORIENTATION = 0x0112;

/** The orientation, 1 to 8, in a block of EXIF data: a TIFF header and its first directory. 1 if it says none. */
export function orientationOf(bytes) {
  const little = bytes.toString("latin1", 0, 2) === "II";
  const short = (at) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const directory = little ? bytes.readUInt32LE(4) : bytes.readUInt32BE(4);
  for (let i = 0, at = directory + 2; i < short(directory); i++, at += 12) {
    if (short(at) === ORIENTATION) return short(at + 8);
  }
  return 1;
}

/** Turns { shape: [h, w], data } upright. */
export function upright({ shape: [height, width], data }, orientation) {
  if (orientation < 2 || orientation > 8) return { shape: [height, width], data };
  const lies = orientation > 4;
  const [rows, columns] = lies ? [width, height] : [height, width];
  const turned = new Uint8Array(data.length);
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      const [down, right] = lies ? [x, y] : [y, x];
      const v = [3, 4, 6, 7].includes(orientation) ? height - 1 - down : down;
      const u = [2, 3, 7, 8].includes(orientation) ? width - 1 - right : right;
      turned[i] = data[v * width + u];
    }
  }
  return { shape: [rows, columns], data: turned };
}
