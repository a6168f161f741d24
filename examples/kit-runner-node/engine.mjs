// ONNX Runtime in Node, from node_modules beside this file or in the folder that INKPORT_WEB_MODULES names.

import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = process.env.INKPORT_WEB_MODULES ?? fileURLToPath(new URL(".", import.meta.url));
// From 1.29 on ONNX Runtime reports to its makers on Linux, unless it is told not to before it is loaded.
process.env.ORT_DISABLE_TELEMETRY = "1";
const load = createRequire(join(folder, "node_modules", "any.js"));

/** What runs the network. */
export const about = () => ({
  engine: "onnxruntime-node",
  version: load("onnxruntime-node/package.json").version,
});

/** Opens a model, a path or bytes; returns a function from a tensor to the logits and the nanoseconds that they took. */
export async function open(model, { threads, input, output }) {
  const ort = load("onnxruntime-node");
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  return async ({ shape, data }) => {
    const images = new ort.Tensor("float32", data, shape);
    const start = process.hrtime.bigint();
    const { [output]: logits } = await session.run({ [input]: images }, [output]);
    const ns = Number(process.hrtime.bigint() - start);
    return { logits: { shape: logits.dims.map(Number), data: logits.data }, ns };
  };
}
