// ONNX Runtime Web inside a real headless browser, behind the protocol of docs/child-protocol.md.
//
// The browser is given nothing but the page's address; page and server do the rest over HTTP on the loopback
// interface. It is started in this process's group, so that whoever kills the group kills the browser too. All that
// it writes, its home included, is in a folder that is removed.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { PageServer } from "./page-server.mjs";
import { ChildError, PROTOCOL, serve, versionOf } from "./protocol.mjs";

const QUIET = [
  "--headless",
  "--no-first-run",
  "--no-default-browser-check",
  "--mute-audio",
  "--disable-background-networking",
  "--disable-breakpad",
  "--disable-client-side-phishing-detection",
  "--disable-component-update",
  "--disable-crash-reporter",
  "--disable-default-apps",
  "--disable-dev-shm-usage",
  "--disable-domain-reliability",
  "--disable-extensions",
  "--disable-quic",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-pings",
  "--no-proxy-server",
  // It would look for a route to a public server to learn whether there is IPv6.
  "--enable-features=EnableIPv6ReachabilityOverride",
  // No name resolves, so nothing outside this machine can be reached.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  // A page that nobody looks at must run as fast as one that somebody does.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

const server = new PageServer();
let browser, profile;

/** Variables of the browser: its home is its profile, and no desktop is told of it. */
function surroundings() {
  const kept = Object.entries(process.env).filter(([name]) => !/^(XDG_|CHROME_|DBUS_)/.test(name));
  return { ...Object.fromEntries(kept), HOME: profile, GSETTINGS_BACKEND: "memory" };
}

function start(address, device) {
  profile = mkdtempSync(join(tmpdir(), "profile-"));
  // Everybody can see a command line, but not into the profile: the page's address is a secret.
  const first = join(profile, "start.html");
  writeFileSync(first, `<!doctype html><meta http-equiv="refresh" content="0; url=${address}" />`);
  const flags = [...QUIET, `--user-data-dir=${profile}`];
  // Chromium's sandbox refuses to work for root: https://crbug.com/638180
  if (process.getuid?.() === 0) flags.push("--no-sandbox");
  flags.push(device === "webgpu" ? "--enable-unsafe-webgpu" : "--disable-gpu");
  // Behind a launcher that ties the browser's life to this process's, where there is one.
  const launcher = JSON.parse(process.env.INKPORT_LAUNCHER ?? "[]");
  if (launcher.length) launcher.push(String(process.pid));
  const [program, ...before] = [...launcher, process.env.INKPORT_CHROMIUM];
  browser = spawn(program, [...before, ...flags, pathToFileURL(first).href], {
    env: surroundings(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  browser.stderr.on("data", (text) => (said = (said + text).slice(-2000)));
  browser.once("error", (error) => server.fail(new ChildError("unavailable", `the browser: ${error.message}`)));
  browser.once("close", (code, signal) => {
    const last = said.trim().split("\n").slice(-3).join("\n");
    server.fail(new ChildError("failed", `the browser ended (${signal ?? `exit code ${code}`})\n${last}`.trim()));
    browser = undefined;
  });
}

async function ask(work, files) {
  const answer = await server.ask(work, files);
  if (answer.error) throw new ChildError(answer.error.kind, answer.error.message);
  return answer;
}

await serve({
  hello: () => ({ protocol: PROTOCOL, engine: "onnxruntime-web", version: versionOf("onnxruntime-web") }),

  async open({ model, device, threads, input, output }) {
    const opened = ask({ op: "open", device, threads, input, output }, { model });
    start(await server.listen(), device);
    return opened;
  },

  async run({ input, output }) {
    if (!browser) throw new ChildError("failed", "the browser is gone");
    return ask({ op: "run", shape: input.shape }, { input: input.file, output });
  },

  async close() {
    server.close();
    if (browser && browser.exitCode === null && browser.signalCode === null) {
      const ended = new Promise((resolve) => browser.once("exit", resolve));
      browser.kill("SIGKILL");
      await ended;
    }
    if (profile) rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    return {};
  },
});
