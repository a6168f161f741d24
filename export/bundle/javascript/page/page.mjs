// The page: drag and drop, paste, a file or the camera; read by the module in a worker.

import { Recogniser } from "../inkport/browser.mjs";

/** Which part of the camera's height is read: one line, in the middle of the picture. */
const STRIP = 0.2;

const element = (id) => document.getElementById(id);
const say = (text) => (element("state").textContent = text);
const start = performance.now();
const loading = Recogniser.load(new URL("..", import.meta.url));

/** Shows what is read. */
async function show(image) {
  const bitmap = await createImageBitmap(image);
  const picture = element("picture");
  [picture.width, picture.height, picture.hidden] = [bitmap.width, bitmap.height, false];
  picture.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

async function read(image) {
  try {
    const recogniser = await loading;
    const begin = performance.now();
    const { symbols, confidence } = await recogniser.read(image);
    const spans = symbols.map((symbol) => {
      const span = document.createElement("span");
      span.textContent = String.fromCodePoint(symbol.codePoint);
      span.style.setProperty("--confidence", symbol.confidence);
      return span;
    });
    element("text").replaceChildren(...spans);
    const sure = symbols.length ? `confidence ${confidence.toFixed(2)}, ` : "no text, ";
    say(`${sure}${Math.round(performance.now() - begin)} ms`);
    await show(image);
  } catch (error) {
    element("text").replaceChildren();
    say(error.message);
  }
}

async function openCamera() {
  try {
    const wanted = { facingMode: "environment", width: { ideal: 3840 } };
    element("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await element("video").play();
    element("view").hidden = element("shoot").hidden = false;
  } catch (error) {
    say(`camera: ${error.message}`);
  }
}

async function shoot() {
  const { videoWidth: width, videoHeight: height } = element("video");
  const strip = Math.round(STRIP * height);
  await read(await createImageBitmap(element("video"), 0, Math.round((height - strip) / 2), width, strip));
}

async function test() {
  try {
    const recogniser = await loading;
    const begin = performance.now();
    const fault = await recogniser.selfTest();
    const ms = Math.round(performance.now() - begin);
    say(fault ? `${fault.stage}: ${fault.line}, ${fault.detail}` : `all stages are right (${ms} ms)`);
  } catch (error) {
    say(error.message);
  }
}

function take(files) {
  if (files.length) void read(files[0]);
}

element("file").onchange = ({ target }) => take(target.files);
element("camera").onclick = openCamera;
element("shoot").onclick = shoot;
element("test").onclick = test;
document.onpaste = ({ clipboardData }) => take(clipboardData.files);
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("over");
};
document.ondragleave = () => document.body.classList.remove("over");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files);
};
loading.then(
  () => say(`ready (${Math.round(performance.now() - start)} ms)`),
  (error) => say(error.message),
);
