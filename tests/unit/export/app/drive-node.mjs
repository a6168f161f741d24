// node drive-node.mjs: in the folder of the files; prints what was found.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { drive } from "./drive.mjs";

const ort = createRequire(import.meta.url)("onnxruntime-node");
const options = { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const found = await drive(ort, (name) => ort.InferenceSession.create(name, options), readFileSync);
process.stdout.write(JSON.stringify(found));
