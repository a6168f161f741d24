// Tensors: bytes or float32 values with a shape; as .npy files of version 1.0, and as files without a header.

/** Returns the bytes of an .npy file. */
export function toNpy({ shape, data }) {
  const axes = shape.map((length) => `${length},`).join(" ");
  const type = data instanceof Uint8Array ? "|u1" : "<f4";
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${axes}), }`;
  const header = dictionary.padEnd(Math.ceil((dictionary.length + 11) / 64) * 64 - 11) + "\n";
  const lead = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  lead.writeUInt16LE(header.length, 8);
  return Buffer.concat([lead, Buffer.from(header, "latin1"), toBytes(data)]);
}

/** Returns little-endian bytes: the order of every platform that Node runs on. */
export const toBytes = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Returns float32 values from little-endian bytes. */
export const fromBytes = (bytes) =>
  new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
