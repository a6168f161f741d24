// From an artifact's sidecar (recogniser.json) to the specification of a bundle, which a bundle's module parses.

import { readFileSync } from "node:fs";

import { ChildError } from "./protocol.mjs";

/** Returns { text, resampling }: the content of specification.txt, as `inkport bundle` would write it, with the model's path. */
export function specificationOf(file, model) {
  const { spec, precision } = JSON.parse(readFileSync(file, "utf8"));
  const { preprocess, charset } = spec;
  const values = {
    format: 1,
    name: spec.name,
    version: spec.version,
    precision,
    model,
    input: spec.input.name,
    output: spec.output.name,
    // Others are run, but nothing is prepared for them.
    resampling: "triangle-v2",
    height: preprocess.height,
    width_multiple: preprocess.width_multiple,
    min_width: preprocess.min_width,
    max_width: preprocess.max_width,
    background: Math.floor(255 * preprocess.background + 0.5),
    mean: preprocess.mean,
    std: preprocess.std,
    stride: spec.stride,
    charset_sha256: charset.digest,
    symbols: [...charset.symbols].map((symbol) => symbol.codePointAt(0)).join(" "),
  };
  const rows = Object.entries(values).map(([key, value]) => `${key} = ${value}\n`);
  return { text: rows.join(""), resampling: preprocess.resampling };
}

/** Refuses to read a line for a model that the module does not prepare for. */
export function checkResampling(resampling) {
  if (resampling === "triangle-v2") return;
  throw new ChildError("usage", `the model is prepared for by ${resampling}, the module prepares by triangle-v2`);
}
