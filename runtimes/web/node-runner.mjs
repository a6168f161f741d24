// ONNX Runtime in Node (onnxruntime-node) behind the protocol of docs/child-protocol.md.

import { writeFileSync } from "node:fs";

import { ChildError, PROTOCOL, load, readTensor, serve, versionOf } from "./protocol.mjs";

let ort, session, names;

await serve({
  hello() {
    ort = load("onnxruntime-node");
    return { protocol: PROTOCOL, engine: "onnxruntime-node", version: versionOf("onnxruntime-node") };
  },

  async open({ model, device, threads, input, output }) {
    if (device !== "cpu") throw new ChildError("unavailable", `onnxruntime-node here runs on cpu, not on ${device}`);
    const options = {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    };
    try {
      session = await ort.InferenceSession.create(model, options);
    } catch (error) {
      throw new ChildError("model", error.message);
    }
    names = { input, output };
    return { threads };
  },

  async run({ input, output }) {
    const tensor = new ort.Tensor("float32", readTensor(input.file), input.shape);
    const start = process.hrtime.bigint();
    const { [names.output]: logits } = await session.run({ [names.input]: tensor }, [names.output]);
    const ns = Number(process.hrtime.bigint() - start);
    writeFileSync(output, new Uint8Array(logits.data.buffer, logits.data.byteOffset, logits.data.byteLength));
    return { shape: logits.dims.map(Number), run_ns: ns };
  },

  async close() {
    await session?.release();
    session = undefined;
    return {};
  },
});
