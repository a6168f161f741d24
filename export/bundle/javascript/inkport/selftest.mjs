// selfTest: which stage is the first that is wrong on this device?

import { greedy, textOf } from "./decode.mjs";
import { sha256 } from "./digest.mjs";
import { MADE } from "./made.mjs";
import { prepare } from "./prepare.mjs";
import { InkportError } from "./spec.mjs";

/** A binary PGM file of 8 bits, as golden/ holds gray and tensors. */
export function parsePgm(bytes) {
  const head = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 40)));
  if (!head) throw new InkportError("no binary PGM file of 8 bits");
  const [width, height] = [Number(head[1]), Number(head[2])];
  const data = bytes.subarray(head[0].length);
  if (data.length !== width * height) throw new InkportError("a PGM file that is cut off");
  return { width, height, data };
}

/** Confidences of a wrong softmax are wrong by more than engines differ, which in int8 is a lot. */
const confidenceTolerance = (spec) => (spec.precision === "fp32" ? 0.001 : 0.2);

function differs(found, wanted, tolerance) {
  if (found.width !== wanted.width || found.height !== wanted.height) {
    return `${found.width} x ${found.height} px, expected ${wanted.width} x ${wanted.height}`;
  }
  let worst = 0;
  let count = 0;
  found.data.forEach((value, i) => {
    const difference = Math.abs(value - wanted.data[i]);
    worst = Math.max(worst, difference);
    if (difference > tolerance) count++;
  });
  return count ? `${count} pixels differ, by up to ${worst} levels` : "";
}

/** What each stage checks of one line: the first fault's description, or "". Each is given the golden values before it. */
const CHECKS = {
  async tensor({ reader, file }) {
    const gray = parsePgm(await file("gray.pgm"));
    return differs(prepare(gray, reader.spec), parsePgm(await file("tensor.pgm")), 0);
  },

  async ids(line) {
    line.reading = greedy(await line.reader.run(parsePgm(await line.file("tensor.pgm"))), line.reader.spec);
    line.ids = await numbers(line.file, "ids.txt");
    const labels = line.reading.symbols.map((symbol) => symbol.label);
    const same = labels.length === line.ids.length && labels.every((label, i) => label === line.ids[i]);
    return same ? "" : `${labels.length} labels that are not the ${line.ids.length} expected`;
  },

  async confidence({ reader, file, reading }) {
    const expected = await numbers(file, "confidences.txt");
    const tolerance = confidenceTolerance(reader.spec);
    const off = reading.symbols.findIndex(({ confidence }, i) => !(Math.abs(confidence - expected[i]) <= tolerance));
    return off < 0 ? "" : `symbol ${off} has confidence ${reading.symbols[off].confidence}`;
  },

  async text({ reader, file, reading, ids }) {
    const wanted = new TextDecoder().decode(await file("text.txt"));
    const other = [textOf(ids, reader.spec), reading.text].find((found) => found !== wanted);
    return other === undefined ? "" : `"${other}", expected "${wanted}"`;
  },
};
const STAGES = Object.keys(CHECKS);
/** Golden lines that the network reads. Of the others files and tensors are compared: the network does not tell kinds of file apart. */
const NETWORK_LINES = 6;

async function numbers(file, name) {
  const words = new TextDecoder().decode(await file(name)).split(/\s+/);
  return words.filter(Boolean).map(Number);
}

/** Compares stages of one line; returns the first wrong { stage, detail }, or undefined. */
async function checkLine(line, stages) {
  for (const stage of stages) {
    let detail;
    try {
      detail = await CHECKS[stage](line);
    } catch (error) {
      detail = error.message;
    }
    if (detail) return { stage, detail };
  }
  return undefined;
}

/** The same of a check that needs no files. */
function described(check, spec) {
  try {
    return check(spec);
  } catch (error) {
    return error.message;
  }
}

async function listOf(golden) {
  const rows = new TextDecoder().decode(await golden("lines.txt")).split("\n").filter(Boolean);
  const lines = rows.map((row) => row.split("\t"));
  if (!lines.length || lines.some((fields) => fields.length < 2)) {
    throw new InkportError("golden/lines.txt: no lines, or a row without a file");
  }
  return lines;
}

/** Gets each file once; on a network all that will be asked for is on its way before the first one is compared. */
function kept(golden) {
  const files = new Map();
  return (path) => {
    if (!files.has(path)) {
      const file = golden(path);
      // Whoever waits for it gets its error; until then nobody does.
      file.catch(() => {});
      files.set(path, file);
    }
    return files.get(path);
  };
}

/** The files of a golden line, the first that is compared first. */
function filesOf([line, file], index) {
  const values = index < NETWORK_LINES ? ["ids.txt", "confidences.txt", "text.txt"] : [];
  return [file, "gray.pgm", "tensor.pgm", ...values].map((name) => `${line}/${name}`);
}

/** What the golden values were made with: the first file that is another one here, or undefined. */
async function checkBundle(golden, bundle) {
  const rows = new TextDecoder().decode(await golden("digests.txt")).split("\n").filter(Boolean);
  for (const [wanted, name] of rows.map((row) => row.split("  "))) {
    const found = sha256(await bundle(name));
    if (found !== wanted) {
      const detail = `another file than golden/ was made with: SHA-256 ${found.slice(0, 12)}, expected ${wanted.slice(0, 12)}`;
      return { stage: "bundle", line: name, detail };
    }
  }
  return undefined;
}

/** The first file whose gray is wrong, or undefined. */
async function checkFiles(reader, golden, lines, { jpeg, jpegTolerance }) {
  for (const [line, file] of lines) {
    const isJpeg = file.endsWith(".jpg");
    if (isJpeg && !jpeg) continue;
    let wrong;
    try {
      const found = await reader.gray(await golden(`${line}/${file}`));
      wrong = differs(found, parsePgm(await golden(`${line}/gray.pgm`)), isJpeg ? jpegTolerance : 0);
    } catch (error) {
      wrong = error.message;
    }
    if (wrong) return { stage: "gray", line, detail: `${file}: ${wrong}` };
  }
  return undefined;
}

/**
 * Compares this device, stage by stage, with a bundle's folder golden/, and with what golden lines cannot show: every level
 * of gray, every label, and lines that are as narrow as can be, or refused. Always greedy, whatever language model is in use.
 *
 * @param source From a path in that folder to a promise of the file's bytes.
 * @param bundle The same for the bundle's folder; left out where there is none.
 * @param jpeg Whether JPEG files can be decoded here; if not, they are not tested.
 * @param jpegTolerance Levels by which their gray may differ: 0 with libjpeg-turbo, 1 with other decoders.
 * @returns { stage, line, detail } with the stage bundle, gray, tensor, ids, confidence or text; null if all are right.
 */
export async function selfTest(reader, source, { bundle, jpeg = true, jpegTolerance = 0 } = {}) {
  const golden = kept(source);
  const other = bundle && (await checkBundle(golden, bundle));
  if (other) return other;
  const lines = await listOf(golden);
  for (const path of lines.flatMap(filesOf)) golden(path);
  // All files first: "gray" is the first stage, whichever line shows that it is wrong.
  const file = await checkFiles(reader, golden, lines, { jpeg, jpegTolerance });
  if (file) return file;
  let first = null;
  const isBefore = (stage) => !first || STAGES.indexOf(stage) < STAGES.indexOf(first.stage);
  for (const [index, [line]] of lines.entries()) {
    const stages = (index < NETWORK_LINES ? STAGES : ["tensor"]).filter(isBefore);
    const found = await checkLine({ reader, file: (name) => golden(`${line}/${name}`) }, stages);
    if (found) first = { ...found, line };
  }
  for (const [stage, line, check] of MADE) {
    const detail = isBefore(stage) ? described(check, reader.spec) : "";
    if (detail) first = { stage, line, detail };
  }
  return first;
}
