// The page: asks its server for work, does it in ONNX Runtime Web, and sends the answer back, until it is closed.

import { refusal, work } from "./page-work.mjs";

let ort, session, names;

const operations = {
  async open({ device, threads, input, output }) {
    if (threads > 1 && !crossOriginIsolated) {
      throw refusal("unavailable", "this browser does not isolate the page, so it has no threads");
    }
    if (device === "webgpu") await requireGpu();
    ort = await import(device === "webgpu" ? "./ort/ort.webgpu.min.mjs" : "./ort/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
    ort.env.logLevel = "error";
    const model = new Uint8Array(await (await fetch("model")).arrayBuffer());
    const options = { executionProviders: [device], interOpNumThreads: 1, intraOpNumThreads: threads };
    try {
      session = await ort.InferenceSession.create(model, options);
    } catch (error) {
      throw refusal("model", error.message);
    }
    names = { input, output };
    // ONNX Runtime Web sets it to 1 where it finds no threads.
    return { threads: ort.env.wasm.numThreads, browser: navigator.userAgent };
  },

  async run({ shape }) {
    const values = new Float32Array(await (await fetch("input")).arrayBuffer());
    const tensor = new ort.Tensor("float32", values, shape);
    const start = performance.now();
    const { [names.output]: logits } = await session.run({ [names.input]: tensor }, [names.output]);
    const data = await logits.getData();
    const elapsed = performance.now() - start;
    await fetch("output", { method: "POST", body: data });
    return { shape: logits.dims, run_ns: Math.round(elapsed * 1e6) };
  },
};

async function requireGpu() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw refusal("unavailable", "this browser has no WebGPU adapter");
  if (adapter.info.isFallbackAdapter) throw refusal("unavailable", "this browser's WebGPU computes on the CPU");
}

await work(operations);
