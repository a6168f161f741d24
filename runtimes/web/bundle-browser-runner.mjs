// The ES module of a web bundle in a real headless browser, behind the protocol of docs/child-protocol.md.

import { Browser } from "./browser.mjs";
import { PageServer } from "./page-server.mjs";
import { ChildError, PROTOCOL, serve, versionOf } from "./protocol.mjs";
import { checkResampling, specificationOf } from "./sidecar.mjs";

const server = new PageServer("bundle-page");
let browser, resampling;

function demand(work, files) {
  if (!browser?.runs) throw new ChildError("failed", "the browser is gone");
  return server.demand(work, files);
}

await serve({
  hello() {
    const version = versionOf("onnxruntime-web");
    const shows = ["gray", "tensor", "logits", "text"];
    return { protocol: PROTOCOL, engine: "web bundle with onnxruntime-web", version, start: "image", shows };
  },

  async open({ model, recogniser, threads }) {
    const found = specificationOf(recogniser, model);
    resampling = found.resampling;
    const opened = server.demand({ op: "open", specification: found.text, threads }, { model });
    browser = new Browser(await server.listen(), { fail: (error) => server.fail(error) });
    return opened;
  },

  run: ({ input, output }) => demand({ op: "run", shape: input.shape }, { input: input.file, output }),

  async read({ input, outputs }) {
    checkResampling(resampling);
    const files = Object.entries(outputs).map(([stage, file]) => [`output/${stage}`, file]);
    return demand({ op: "read", stages: Object.keys(outputs) }, { input: input.file, ...Object.fromEntries(files) });
  },

  async close() {
    server.close();
    await browser?.close();
    return {};
  },
});
