// The page: asks its server for work, does it with the module of a web bundle, and sends the answer back, until it is closed.

import { Recogniser, greedy, normalise, parseSpec, prepare } from "./bundle/browser.mjs";
import { refusal, work } from "./page-work.mjs";

let recogniser;

const bytesOf = async (path) => (await fetch(path)).arrayBuffer();
const hand = (path, body) => fetch(path, { method: "POST", body });

/** Runs one line and counts its time, its way to the worker and back included. */
async function timed(values, size) {
  const start = performance.now();
  const logits = await recogniser.run(values, size);
  return [logits, Math.round((performance.now() - start) * 1e6)];
}

const operations = {
  async open({ specification, threads }) {
    if (threads > 1 && !crossOriginIsolated) {
      throw refusal("unavailable", "this browser does not isolate the page, so it has no threads");
    }
    try {
      const model = new Uint8Array(await bytesOf("model"));
      recogniser = await Recogniser.of(parseSpec(specification), model, { threads, ort: new URL("ort/", location.href) });
    } catch (error) {
      throw refusal("model", error.message);
    }
    return { threads, browser: navigator.userAgent };
  },

  async run({ shape: [lines, , height, width] }) {
    const values = new Float32Array(await bytesOf("input"));
    const found = [];
    let ns = 0;
    for (let line = 0; line < lines; line++) {
      const image = values.slice(line * height * width, (line + 1) * height * width);
      const [logits, elapsed] = await timed(image, { height, width });
      found.push(logits);
      ns += elapsed;
    }
    await hand("output", new Blob(found.map((logits) => logits.values)));
    return { shape: [lines, found[0].frames, found[0].classes], run_ns: ns };
  },

  async read({ stages }) {
    const gray = await recogniser.gray(await (await fetch("input")).blob());
    const tensor = prepare(gray, recogniser.spec);
    const [logits, ns] = await timed(normalise(tensor, recogniser.spec), tensor);
    const all = {
      gray: { shape: [gray.height, gray.width], values: gray.data },
      tensor: { shape: [1, 1, tensor.height, tensor.width], values: tensor.data },
      logits: { shape: [1, logits.frames, logits.classes], values: logits.values },
    };
    const shapes = {};
    for (const stage of stages) {
      await hand(`output/${stage}`, all[stage].values);
      shapes[stage] = all[stage].shape;
    }
    return { shapes, text: greedy(logits, recogniser.spec).text, run_ns: ns };
  },
};

await work(operations);
