// Reads lines in Node with the bundle that it lies in.
//
//   node read.mjs [--lm] [--json] FILE...     prints the text of each; with --json, all that is known of it
//   node read.mjs --self-test                 compares this machine with golden/

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Recogniser } from "./inkport/node.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { lm: { type: "boolean" }, json: { type: "boolean" }, "self-test": { type: "boolean" } },
});
const recogniser = await Recogniser.load(fileURLToPath(new URL(".", import.meta.url)), { lm: values.lm });

async function testSelf() {
  const start = performance.now();
  const fault = await recogniser.selfTest();
  if (!fault) return console.log(`all stages are right (${Math.round(performance.now() - start)} ms)`);
  console.log(`${fault.stage}\t${fault.line}\t${fault.detail}`);
  process.exitCode = 1;
}

async function readFiles() {
  for (const file of positionals) {
    try {
      const reading = await recogniser.read(new Uint8Array(await readFile(file)));
      console.log(values.json ? JSON.stringify({ file, ...reading }) : `${file}\t${reading.text}`);
    } catch (error) {
      console.error(`${file}: ${error.message}`);
      process.exitCode = 2;
    }
  }
}

if (values["self-test"]) await testSelf();
await readFiles();
await recogniser.close();
