// A server on the loopback interface that hands one page its work and takes its answers.

import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { here, modules } from "./protocol.mjs";

const TYPES = { html: "text/html", mjs: "text/javascript", wasm: "application/wasm" };
// Threads need both: https://developer.mozilla.org/docs/Web/API/Window/crossOriginIsolated
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
// Browsers give up on requests that nobody answers, so an idle page is told to ask again.
const IDLE_MS = 20_000;

/** What the page may fetch beside its work: file by path, nothing else of the disk. */
function pageFile(path) {
  if (path === "/") return join(here, "page.html");
  if (path === "/page.mjs") return join(here, "page.mjs");
  const name = /^\/ort\/(ort[\w.-]*\.(?:mjs|wasm))$/.exec(path)?.[1];
  return name && join(modules, "onnxruntime-web", "dist", name);
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

export class PageServer {
  files = {};
  #work = undefined;
  #waiting = undefined;
  #answered = undefined;

  /** Starts listening on a free port of the loopback interface and returns the page's address. */
  async listen() {
    this.server = createServer((request, response) => {
      this.#respond(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    await new Promise((listening) => this.server.listen(0, "127.0.0.1", listening));
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  /** Has the page do something; `files` are its model, input and output. */
  ask(work, files) {
    this.files = { ...this.files, ...files };
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#work = work;
      this.#hand();
    });
  }

  /** Makes a pending `ask` fail. */
  fail(error) {
    this.#answered?.reject(error);
  }

  close() {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  #hand(idle = false) {
    if (!this.#waiting || !(this.#work || idle)) return;
    clearTimeout(this.#waiting.timer);
    if (this.#work) this.#waiting.response.writeHead(200, ISOLATION).end(JSON.stringify(this.#work));
    else this.#waiting.response.writeHead(204, ISOLATION).end();
    this.#waiting = this.#work = undefined;
  }

  async #respond(request, response) {
    const send = (data, type) =>
      response.writeHead(200, { ...ISOLATION, "Content-Type": type, "Cache-Control": "no-store" }).end(data);
    const path = request.url;
    if (request.method === "POST") {
      const body = await bodyOf(request);
      if (path === "/output") writeFileSync(this.files.output, body);
      send("", "text/plain");
      if (path === "/answer") this.#answered.resolve(JSON.parse(body.toString()));
    } else if (path === "/work") {
      this.#waiting = { response, timer: setTimeout(() => this.#hand(true), IDLE_MS) };
      this.#hand();
    } else if (path === "/model" || path === "/input") {
      send(readFileSync(this.files[path.slice(1)]), "application/octet-stream");
    } else if (pageFile(path)) {
      send(readFileSync(pageFile(path)), TYPES[pageFile(path).split(".").at(-1)]);
    } else {
      response.writeHead(404).end();
    }
  }
}
