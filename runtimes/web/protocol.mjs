// The child's side of docs/child-protocol.md: one JSON object per line on stdin, one answer per line on stdout.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const PROTOCOL = 1;

// Whatever a library prints must not end up between the answers.
console.log = console.info = console.debug = console.error;

/** An error that the parent tells apart by its kind: "unavailable", "model", "usage" or "failed". */
export class ChildError extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** The folder of these files. */
export const here = fileURLToPath(new URL(".", import.meta.url));

/** The folder of the installed packages. */
export const modules = join(process.env.INKPORT_WEB_MODULES ?? here, "node_modules");
const require = createRequire(join(modules, "any.js"));

/** Loads a package of the folder that the user has chosen. */
export const load = (name) => require(name);

/** The installed version of a package. */
export const versionOf = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;

/** Number of values in a shape. */
export const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

/** Reads a tensor: little-endian float32, the order of bytes of every platform that Node runs on. */
export function readTensor(file) {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/**
 * Answers requests in order until "close" or the end of stdin, then ends the process.
 *
 * @param handlers Functions by operation, each from a request to the fields of its answer, or a promise of them.
 */
export async function serve(handlers) {
  const requests = createInterface({ input: process.stdin, crlfDelay: Infinity });
  // A parent that is gone ends the input, also while a request is being worked on.
  process.stdin.once("end", async () => {
    await handlers.close();
    process.exit(0);
  });
  for await (const line of requests) {
    const request = JSON.parse(line);
    let answer;
    try {
      const handler = handlers[request.op];
      if (!handler) throw new ChildError("usage", `operation ${request.op} is not known`);
      answer = { id: request.id, ok: true, ...(await handler(request)) };
    } catch (error) {
      const message = error?.message ?? String(error);
      answer = { id: request.id, ok: false, error: { kind: error?.kind ?? "failed", message } };
    }
    await new Promise((written) => process.stdout.write(JSON.stringify(answer) + "\n", written));
    if (request.op === "close") process.exit(0);
  }
}
