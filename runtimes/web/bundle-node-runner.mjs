// The ES module of a web bundle in Node, behind the protocol of docs/child-protocol.md.
//
// It begins with gray: in Node the application decodes files that are no PNG.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { ChildError, PROTOCOL, load, readTensor, serve, versionOf } from "./protocol.mjs";
import { checkResampling, specificationOf } from "./sidecar.mjs";

const folder = process.env.INKPORT_BUNDLE_WEB;
let ort, reader, recogniser, resampling;

const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

await serve({
  async hello() {
    ort = load("onnxruntime-node");
    reader = await import(pathToFileURL(join(folder, "inkport", "node.mjs")));
    const version = versionOf("onnxruntime-node");
    const shows = ["tensor", "logits", "text"];
    return { protocol: PROTOCOL, engine: "web bundle with onnxruntime-node", version, start: "gray", shows };
  },

  async open({ model, recogniser: sidecar, device, threads }) {
    if (device !== "cpu") throw new ChildError("unavailable", `onnxruntime-node here runs on cpu, not on ${device}`);
    const found = specificationOf(sidecar, model);
    resampling = found.resampling;
    try {
      const spec = reader.parseSpec(found.text);
      recogniser = await reader.Recogniser.of(spec, new Uint8Array(readFileSync(model)), { threads, ort });
    } catch (error) {
      throw new ChildError("model", error.message);
    }
    return { threads };
  },

  async run({ input, output }) {
    const [lines, , height, width] = input.shape;
    const values = readTensor(input.file);
    const found = [];
    let ns = 0;
    for (let line = 0; line < lines; line++) {
      const image = values.subarray(line * height * width, (line + 1) * height * width);
      const start = process.hrtime.bigint();
      found.push(await recogniser.run(image, { height, width }));
      ns += Number(process.hrtime.bigint() - start);
    }
    writeFileSync(output, Buffer.concat(found.map((logits) => bytesOf(logits.values))));
    return { shape: [lines, found[0].frames, found[0].classes], run_ns: ns };
  },

  async read({ input, outputs }) {
    checkResampling(resampling);
    const [height, width] = input.shape;
    const data = new Uint8Array(readFileSync(input.file));
    const gray = await recogniser.gray({ height, width, data }, { layout: "gray8" });
    const tensor = reader.prepare(gray, recogniser.spec);
    const start = process.hrtime.bigint();
    const logits = await recogniser.run(reader.normalise(tensor, recogniser.spec), tensor);
    const ns = Number(process.hrtime.bigint() - start);
    const stages = {
      tensor: { shape: [1, 1, tensor.height, tensor.width], values: tensor.data },
      logits: { shape: [1, logits.frames, logits.classes], values: logits.values },
    };
    for (const [stage, file] of Object.entries(outputs)) writeFileSync(file, bytesOf(stages[stage].values));
    const shapes = Object.fromEntries(Object.keys(outputs).map((stage) => [stage, stages[stage].shape]));
    return { shapes, text: reader.greedy(logits, recogniser.spec).text, run_ns: ns };
  },

  async close() {
    await recogniser?.close();
    recogniser = undefined;
    return {};
  },
});
