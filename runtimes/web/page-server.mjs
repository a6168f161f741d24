// A server on the loopback interface that hands one page its work and takes its answers, and nobody else's.
//
// Other programs and web pages of this machine can reach the port, too. So every path begins with a random token, and
// a request must name the server's own address as its host (a name that was bound to 127.0.0.1 does not) and, where
// it says from where it comes, as its origin.

import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { ChildError, here, modules } from "./protocol.mjs";

const TYPES = { html: "text/html", mjs: "text/javascript", wasm: "application/wasm" };
// Threads need both: https://developer.mozilla.org/docs/Web/API/Window/crossOriginIsolated
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
// Browsers give up on requests that nobody answers, so an idle page is told to ask again.
const IDLE_MS = 20_000;
// An answer is a line of JSON without tensors, as in child.py.
const ANSWER_BYTES = 1 << 20;
// 64 lines of 512 frames over 4,000 classes: four times what any recogniser here computes at once.
const OUTPUT_BYTES = 1 << 29;
// The network's output, or that of a stage by its name.
const OUTPUT = /^output(\/\w+)?$/;

/** A request that is refused, and with which status. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What a page may fetch beside its work: file by path, nothing else of the disk. */
function pageFile(path, page) {
  if (path === "") return join(here, `${page}.html`);
  if (path === `${page}.mjs` || path === "page-work.mjs") return join(here, path);
  const module = process.env.INKPORT_BUNDLE_WEB && /^bundle\/(\w+\.mjs)$/.exec(path)?.[1];
  if (module) return join(process.env.INKPORT_BUNDLE_WEB, "inkport", module);
  const name = /^ort\/(ort[\w.-]*\.(?:mjs|wasm))$/.exec(path)?.[1];
  return name && join(modules, "onnxruntime-web", "dist", name);
}

async function bodyOf(request, most) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > most) throw new Refusal(413, `more than ${most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

function parse(body) {
  try {
    const answer = JSON.parse(body.toString());
    if (answer && typeof answer === "object") return answer;
  } catch {
    // Refused below, as anything else that is no object.
  }
  throw new Refusal(400, "no JSON object");
}

export class PageServer {
  files = {};
  #page;
  #token = randomBytes(16).toString("hex");
  #work = undefined;
  #waiting = undefined;
  #pending = undefined;

  /** @param page Name of the page's files, without their ends. */
  constructor(page = "page") {
    this.#page = page;
  }

  /** Starts listening on a free port of the loopback interface and returns the page's address. */
  async listen() {
    this.server = createServer((request, response) => {
      this.#respond(request, response).catch((error) => {
        // A request that is given up half-way has no answer to end.
        if (response.headersSent) return response.destroy();
        response.writeHead(error.status ?? 500, { ...ISOLATION, Connection: "close" }).end(String(error.message));
      });
    });
    await new Promise((listening) => this.server.listen(0, "127.0.0.1", listening));
    this.host = `127.0.0.1:${this.server.address().port}`;
    return `http://${this.host}/${this.#token}/`;
  }

  /** Has the page do something; `files` are its model, input and output. */
  ask(work, files) {
    this.files = { ...this.files, ...files };
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#work = work;
      this.#hand();
    });
  }

  /** Has the page do something, and throws what it answers as an error. */
  async demand(work, files) {
    const answer = await this.ask(work, files);
    if (answer.error) throw new ChildError(answer.error.kind, answer.error.message);
    return answer;
  }

  /** Makes a pending `ask` fail. */
  fail(error) {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }

  close() {
    clearTimeout(this.#waiting?.timer);
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

  /** Returns the path behind the token of a request that is the page's own. */
  #admit(request) {
    const { host, origin } = request.headers;
    if (host !== this.host) throw new Refusal(421, "another host");
    if (origin !== undefined ? origin !== `http://${this.host}` : request.method === "POST") {
      throw new Refusal(403, "another origin");
    }
    const start = `/${this.#token}/`;
    if (!request.url.startsWith(start)) throw new Refusal(404, "not here");
    return request.url.slice(start.length);
  }

  async #respond(request, response) {
    const path = this.#admit(request);
    if (request.method === "POST") await this.#take(path, request, response);
    else if (request.method === "GET") this.#give(path, response);
    else throw new Refusal(405, "GET and POST only");
  }

  /** Takes what the page has made of its work; nobody has asked for anything else. */
  async #take(path, request, response) {
    const output = OUTPUT.test(path);
    if (!output && path !== "answer") throw new Refusal(404, "not here");
    const body = await bodyOf(request, output ? OUTPUT_BYTES : ANSWER_BYTES);
    // Looked at once the body is here: of two answers that arrive together, one is the first.
    const pending = this.#pending;
    if (!pending || this.#work || (output && !Object.hasOwn(this.files, path))) throw new Refusal(409, "nothing was asked");
    if (output) {
      writeFileSync(this.files[path], body);
    } else {
      const answer = parse(body);
      this.#pending = undefined;
      pending.resolve(answer);
    }
    response.writeHead(200, { ...ISOLATION, "Content-Type": "text/plain" }).end();
  }

  #give(path, response) {
    if (path === "work") {
      // Only the last one that asks is the page; an earlier one is told to ask again.
      this.#waiting?.response.writeHead(204, ISOLATION).end();
      clearTimeout(this.#waiting?.timer);
      this.#waiting = { response, timer: setTimeout(() => this.#hand(true), IDLE_MS) };
      this.#hand();
      return;
    }
    const own = (path === "model" || path === "input") && this.files[path];
    const file = own || pageFile(path, this.#page);
    if (!file) throw new Refusal(404, "not here");
    const type = own ? "application/octet-stream" : TYPES[file.split(".").at(-1)];
    const data = readFileSync(file);
    response
      .writeHead(200, { ...ISOLATION, "Content-Type": type, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" })
      .end(data);
  }
}
