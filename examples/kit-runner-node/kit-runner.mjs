// Runs a conformance kit of inkport's: image, prepared tensor, logits and text, all without Python.
//
//   node kit-runner.mjs KIT RESULT [TARGET]     reads the whole kit and writes the result
//   node kit-runner.mjs                         speaks the child protocol, for `inkport kit run --runner`

import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { createInterface } from "node:readline";

import { decode } from "./decode.mjs";
import { about, open } from "./engine.mjs";
import { fromBytes, toBytes, toNpy } from "./npy.mjs";
import { decodePng } from "./png.mjs";
import { normalise, prepare } from "./prepare.mjs";
import { readZip, writeZip } from "./zip.mjs";

const STAGES = ["gray", "tensor", "logits", "text"];

// Whatever a library prints must not end up between the answers of the protocol.
console.log = console.info = console.debug = console.error;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** An error with a kind of the protocol: "unavailable", "model", "usage" or "failed". */
const refusal = (kind, message) => Object.assign(new Error(message), { kind });

/** Takes an image file through every stage. */
async function readLine(image, spec, run) {
  const gray = decodePng(image);
  const tensor = prepare(gray, spec.preprocess);
  const { logits, ns } = await run(normalise(tensor, spec.preprocess));
  return { tensors: { gray, tensor, logits }, text: decode(logits, [...spec.charset.symbols]), ns };
}

async function runKit(kitFile, resultFile, targetName) {
  const kit = readZip(readFileSync(kitFile));
  const manifest = JSON.parse(kit.get("kit.json"));
  for (const [name, { sha256: digest }] of Object.entries(manifest.files)) {
    if (sha256(kit.get(name) ?? "") !== digest) throw new Error(`${kitFile}: ${name} is not what kit.json says`);
  }
  const target = manifest.targets.find(({ name }) => !targetName || name === targetName);
  const artifact = manifest.artifacts.find(({ folder }) => folder === target?.artifact);
  if (artifact?.format !== "onnx") throw new Error(`${kitFile}: no ONNX target ${targetName ?? ""}`);
  const { spec } = manifest;
  const run = await open(kit.get(artifact.model), { threads: 1, input: spec.input.name, output: spec.output.name });
  const members = new Map([["result.json", Buffer.alloc(0)]]);
  const lines = [];
  for (const { id, image, golden } of manifest.lines) {
    const { tensors, text, ns } = await readLine(kit.get(image), spec, run);
    const names = {};
    for (const stage of golden ? ["gray", "tensor", "logits"] : ["logits"]) {
      names[stage] = `tensors/${String(lines.length).padStart(4, "0")}.${stage}.npy`;
      members.set(names[stage], toNpy(tensors[stage]));
    }
    lines.push({ id, text, run_ns: ns, tensors: names });
  }
  const result = {
    schema: 1,
    kit: sha256(kit.get("kit.json")),
    target: target.name,
    artifact: artifact.sha256,
    runner: { ...about(), device: "cpu", threads: 1, evidence: "measured" },
    start: "image",
    shown: STAGES,
    environment: { node: process.version, os: `${type()} ${release()}`, cpu: cpus()[0]?.model ?? "" },
    lines,
    files: Object.fromEntries(
      [...members].slice(1).map(([name, bytes]) => [name, { size: bytes.length, sha256: sha256(bytes) }]),
    ),
  };
  members.set("result.json", Buffer.from(JSON.stringify(result, null, 1) + "\n"));
  writeFileSync(`${resultFile}.part`, writeZip(members));
  renameSync(`${resultFile}.part`, resultFile);
}

let session, spec;

const HANDLERS = {
  hello: () => ({ protocol: 1, ...about(), start: "image", shows: STAGES }),

  async open({ model, recogniser, device, threads, input, output }) {
    if (device !== "cpu") throw refusal("unavailable", `this runner computes on cpu, not on ${device}`);
    ({ spec } = JSON.parse(readFileSync(recogniser, "utf8")));
    try {
      session = await open(model, { threads, input, output });
    } catch (error) {
      throw refusal("model", error.message);
    }
    return { threads };
  },

  async run({ input, output }) {
    const { logits, ns } = await session({ shape: input.shape, data: fromBytes(readFileSync(input.file)) });
    writeFileSync(output, toBytes(logits.data));
    return { shape: logits.shape, run_ns: ns };
  },

  async read({ input, outputs }) {
    const { tensors, text, ns } = await readLine(readFileSync(input.file), spec, session);
    const shapes = {};
    for (const [stage, file] of Object.entries(outputs)) {
      writeFileSync(file, toBytes(tensors[stage].data));
      shapes[stage] = tensors[stage].shape;
    }
    return { shapes, text, run_ns: ns };
  },

  close: () => ({}),
};

async function serve() {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { id, op, ...request } = JSON.parse(line);
    let answer;
    try {
      if (!HANDLERS[op]) throw refusal("usage", `operation ${op} is not known`);
      answer = { id, ok: true, ...(await HANDLERS[op](request)) };
    } catch (error) {
      answer = { id, ok: false, error: { kind: error.kind ?? "failed", message: error.message } };
    }
    await new Promise((written) => process.stdout.write(`${JSON.stringify(answer)}\n`, written));
    if (op === "close") process.exit(0);
  }
}

const [kitFile, resultFile, targetName] = process.argv.slice(2);
if (!kitFile) {
  await serve();
} else if (!resultFile) {
  console.error("usage: node kit-runner.mjs [KIT RESULT [TARGET]]");
  process.exitCode = 2;
} else {
  try {
    await runKit(kitFile, resultFile, targetName);
  } catch (error) {
    console.error(`kit-runner: ${error.message}`);
    process.exitCode = 1;
  }
}
