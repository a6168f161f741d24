// The specification: what a model takes and gives, and what its labels mean.

/** Version of the specification, of golden/ and of the language model's file that this module reads. */
export const FORMAT = 1;

/** Whatever is wrong with a file, an image or an engine; its message is one sentence for a person. */
export class InkportError extends Error {
  name = "InkportError";
}

/** The values of a text of lines "key = value"; empty lines and those that begin with # are left out. */
function pairs(text) {
  const found = new Map();
  for (const row of text.split("\n").map((line) => line.trim())) {
    if (!row || row.startsWith("#")) continue;
    const at = row.indexOf("=");
    if (at < 0) throw new InkportError(`specification: a line without '=': ${row.slice(0, 40)}`);
    const key = row.slice(0, at).trim();
    if (found.has(key)) throw new InkportError(`specification: two lines for ${key}`);
    found.set(key, row.slice(at + 1).trim());
  }
  return found;
}

function whole(key, text, least, most) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new InkportError(`specification: ${key} = ${text}, expected a whole number from ${least} to ${most}`);
  }
  return value;
}

function real(key, text) {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) throw new InkportError(`specification: ${key} = ${text}, expected a number`);
  return value;
}

/** Parses the content of specification.txt. Throws InkportError where a value is missing, unknown or out of range. */
export function parseSpec(text) {
  const values = pairs(text);
  const take = (key) => {
    const value = values.get(key);
    if (value === undefined) throw new InkportError(`specification: no value for ${key}`);
    values.delete(key);
    return value;
  };
  const number = (key, least, most) => whole(key, take(key), least, most);
  const format = number("format", 1, 1e6);
  if (format !== FORMAT) {
    throw new InkportError(
      `specification: format ${format}, this module reads ${FORMAT}: take module and model from one bundle`,
    );
  }
  const resampling = take("resampling");
  if (resampling !== "triangle-v2") {
    throw new InkportError(`specification: resampling ${resampling}, expected triangle-v2`);
  }
  const spec = {
    name: take("name"),
    version: take("version"),
    precision: take("precision"),
    model: take("model"),
    charsetSha256: take("charset_sha256"),
    input: take("input"),
    output: take("output"),
    height: number("height", 1, 4096),
    widthMultiple: number("width_multiple", 1, 65536),
    minWidth: number("min_width", 1, 1e6),
    maxWidth: number("max_width", 1, 1e6),
    background: number("background", 0, 255),
    stride: number("stride", 1, 65536),
    mean: real("mean", take("mean")),
    std: real("std", take("std")),
    symbols: take("symbols").split(/\s+/).map((point) => whole("symbols", point, 1, 0x10ffff)),
  };
  spec.classes = spec.symbols.length + 1;
  const [unknown] = values.keys();
  if (unknown !== undefined) throw new InkportError(`specification: ${unknown} is not known to this module`);
  const { widthMultiple: multiple, minWidth, maxWidth, stride } = spec;
  if (!(spec.std > 0) || multiple % stride || minWidth % multiple || maxWidth % multiple || maxWidth < minWidth) {
    throw new InkportError("specification: std is not above 0, or widths and stride do not fit one another");
  }
  return Object.freeze(spec);
}
