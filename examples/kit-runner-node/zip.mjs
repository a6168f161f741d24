// Reading and writing zip archives: stored and deflated members, no encryption, no ZIP64.

import { inflateRawSync } from "node:zlib";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** The CRC-32 of zip and PNG. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

/** Returns the members of an archive, a Map from name to Buffer. */
export function readZip(bytes) {
  const end = bytes.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) throw new Error("not a zip archive");
  const members = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (bytes.readUInt32LE(at) !== 0x02014b50) throw new Error("damaged zip archive");
    const [method, crc, packed, size] = [10, 16, 20, 24].map((place, i) =>
      i ? bytes.readUInt32LE(at + place) : bytes.readUInt16LE(at + place),
    );
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => bytes.readUInt16LE(at + place));
    const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw new Error(`${name}: packed by method ${method}`);
    const content = method === 8 && size ? inflateRawSync(data, { maxOutputLength: size }) : data;
    if (content.length !== size || crc32(content) !== crc) throw new Error(`${name}: damaged`);
    if (members.has(name)) throw new Error(`${name} appears twice in the archive`);
    members.set(name, content);
    at += 46 + nameLength + extra + comment;
  }
  return members;
}

/** Returns the bytes of an archive with these members, stored, in their order. */
export function writeZip(members) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of members) {
    const label = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version
    common.writeUInt16LE(0x21, 8); // 1980-01-01
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(label.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), common, label, content);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, tail, label);
    offset += 30 + label.length + content.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.size, 8);
  end.writeUInt16LE(members.size, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}
