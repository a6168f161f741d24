// ONNX Runtime Web inside a real headless browser, behind the protocol of docs/child-protocol.md.
//
// The browser is given nothing but the page's address; page and server do the rest over HTTP on the loopback
// interface.

import { Browser } from "./browser.mjs";
import { PageServer } from "./page-server.mjs";
import { ChildError, PROTOCOL, serve, versionOf } from "./protocol.mjs";

const server = new PageServer();
let browser;

await serve({
  hello: () => ({ protocol: PROTOCOL, engine: "onnxruntime-web", version: versionOf("onnxruntime-web") }),

  async open({ model, device, threads, input, output }) {
    const opened = server.demand({ op: "open", device, threads, input, output }, { model });
    const fail = (error) => server.fail(error);
    browser = new Browser(await server.listen(), { gpu: device === "webgpu", fail });
    return opened;
  },

  async run({ input, output }) {
    if (!browser?.runs) throw new ChildError("failed", "the browser is gone");
    return server.demand({ op: "run", shape: input.shape }, { input: input.file, output });
  },

  async close() {
    server.close();
    await browser?.close();
    return {};
  },
});
