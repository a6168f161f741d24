// What the tests ask of a web bundle in Node: node driver.mjs REQUEST, a file of JSON; answers JSON on standard output.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const request = JSON.parse(readFileSync(process.argv[2], "utf8"));
const use = (name) => import(pathToFileURL(`${request.bundle}/inkport/${name}.mjs`));
const { Recogniser, prepare } = await use("node");

/** JPEG files are decoded by the test, which names their pixels by the file's digest. */
async function decodeJpeg(bytes) {
  const { file, ...rest } = request.jpegs[createHash("sha256").update(bytes).digest("hex")];
  return { ...rest, data: new Uint8Array(readFileSync(file)) };
}

const OPERATIONS = {
  /** Reads files; their tensors are written beside `out`, in order. */
  async read({ files, lm, out, planted }) {
    globalThis.planted = planted;
    const recogniser = await Recogniser.load(request.bundle, { lm, decodeJpeg });
    const readings = [];
    for (const [index, file] of files.entries()) {
      const bytes = new Uint8Array(readFileSync(file));
      try {
        const { data, width, height } = prepare(await recogniser.gray(bytes), recogniser.spec);
        writeFileSync(`${out}.${index}`, data);
        readings.push({ shape: [height, width], ...(await recogniser.read(new Blob([bytes]))) });
      } catch (error) {
        readings.push({ error: error.message });
      }
    }
    return readings;
  },

  /** Runs the self-test with each fault planted, one after the other; "" plants none. */
  async faults({ names }) {
    const recogniser = await Recogniser.load(request.bundle, { decodeJpeg });
    const found = {};
    for (const name of names) {
      globalThis.planted = name;
      found[name] = await recogniser.selfTest();
    }
    return found;
  },

  /** Opens each bundle or language model, which are damaged; returns the messages. */
  async refuse({ specifications, models }) {
    const { LanguageModel, parseSpec } = await use("node");
    const messageOf = (open) => {
      try {
        open();
        return null;
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    };
    return {
      specifications: specifications.map((text) => messageOf(() => parseSpec(text))),
      models: models.map((file) => messageOf(() => new LanguageModel(new Uint8Array(readFileSync(file))))),
    };
  },

  /** Prepares and reads decoded pixels. */
  async pixels({ images }) {
    const recogniser = await Recogniser.load(request.bundle);
    const texts = [];
    for (const { file, layout, orientation, ...size } of images) {
      const data = new Uint8Array(readFileSync(file));
      texts.push((await recogniser.read({ ...size, data }, { layout, orientation })).text);
    }
    return texts;
  },
};

process.stdout.write(JSON.stringify(await OPERATIONS[request.op](request)));
