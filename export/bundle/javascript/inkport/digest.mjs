// SHA-256 (FIPS 180-4): which files golden values were made with. crypto.subtle is not there on pages without https.

/** The first 32 bits of the fractions of a root of the first primes. */
function constants(count, root) {
  const primes = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  return primes.map((prime) => ((prime ** (1 / root) % 1) * 2 ** 32) | 0);
}

const K = Int32Array.from(constants(64, 3));
const START = constants(8, 2);
const w = new Int32Array(64);
const s = new Int32Array(8);

function block(state, view, at) {
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = w[i - 16] + low + w[i - 7] + high;
  }
  // Eight words that move up by one each round: the place of the first one moves instead.
  s.set(state);
  for (let i = 0; i < 64; i++) {
    const a = s[-i & 7];
    const e = s[(4 - i) & 7];
    const high = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (s[(7 - i) & 7] + high + ((e & s[(5 - i) & 7]) ^ (~e & s[(6 - i) & 7])) + K[i] + w[i]) | 0;
    const low = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const b = s[(1 - i) & 7];
    const c = s[(2 - i) & 7];
    s[(3 - i) & 7] += one;
    s[(7 - i) & 7] = one + low + ((a & b) ^ (a & c) ^ (b & c));
  }
  for (let i = 0; i < 8; i++) state[i] += s[i];
}

/** SHA-256 of bytes, in hexadecimal. */
export function sha256(bytes) {
  const padded = new Uint8Array(64 * Math.ceil((bytes.length + 9) / 64));
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
  const state = Int32Array.from(START);
  for (let at = 0; at < padded.length; at += 64) block(state, view, at);
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
