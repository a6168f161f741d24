// Runs a whole reader and its network by themselves on the pictures of a list, in Node or in a page.

import { read, withoutAlpha } from "./read.mjs";

/**
 * @param ort The module of ONNX Runtime.
 * @param open Opens a model by the name of its file.
 * @param bytes Reads a file.
 * @returns For each picture the outputs of the reader, those of the page's `read`, and the network's logits.
 */
export async function drive(ort, open, bytes) {
  const [reader, network] = [await open("app.onnx"), await open("network.onnx")];
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
  const rgba = new Uint8ClampedArray([1, 2, 3, 255, 4, 5, 6, 255]);
  return { found, rgb: Array.from(withoutAlpha({ width: 2, height: 1, data: rgba }).data) };
}
