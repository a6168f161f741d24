// Runs whole readers and their networks by themselves on the pictures of a list, in Node or in a page.

import { read, withoutAlpha } from "./read.mjs";

/**
 * @param ort The module of ONNX Runtime.
 * @param open Opens a model by the name of its file.
 * @param bytes Reads a file.
 * @returns By precision, for each picture the outputs of the reader, the text of `read`, and the network's logits.
 */
export async function drive(ort, open, bytes) {
  const rgba = new Uint8ClampedArray([1, 2, 3, 255, 4, 5, 6, 255]);
  const found = { rgb: Array.from(withoutAlpha({ width: 2, height: 1, data: rgba }).data) };
  for (const precision of ["fp32", "int8"]) {
    const [reader, network] = [await open(`app-${precision}.onnx`), await open(`network-${precision}.onnx`)];
    found[precision] = await readAll(ort, reader, network, bytes);
  }
  return found;
}

async function readAll(ort, reader, network, bytes) {
  const found = [];
  for (const [index, { shape, columns }] of JSON.parse(new TextDecoder().decode(await bytes("list.json"))).entries()) {
    const [height, width, channels] = shape;
    const data = new Uint8Array(await bytes(`picture.${index}`));
    const outputs = await reader.run({ image: new ort.Tensor("uint8", data, shape) });
    const one = Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)]));
    try {
      one.text = (await read(ort, reader, { width, height, channels, data })).text;
    } catch (error) {
      one.error = error.message;
    }
    if (columns) {
      const values = new Float32Array(new Uint8Array(await bytes(`tensor.${index}`)).buffer);
      const images = new ort.Tensor("float32", values, [1, 1, values.length / columns, columns]);
      one.logits = Array.from((await network.run({ images })).logits.data);
    }
    found.push(one);
  }
  return found;
}
