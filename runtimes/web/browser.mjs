// A headless Chromium that is given nothing but the address of a page, and ends with the process that starts it.
//
// It is started in this process's group, so that whoever kills the group kills the browser too. All that it writes, its
// home included, is in a folder that is removed.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { ChildError } from "./protocol.mjs";

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

/** Variables of the browser: its home is its profile, and no desktop is told of it. */
function surroundings(profile) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(XDG_|CHROME_|DBUS_)/.test(name));
  return { ...Object.fromEntries(kept), HOME: profile, GSETTINGS_BACKEND: "memory" };
}

export class Browser {
  #process;
  #profile = mkdtempSync(join(tmpdir(), "profile-"));

  /** Opens an address; `fail` is told once the browser cannot be started, or has ended. */
  constructor(address, { gpu = false, fail }) {
    // Everybody can see a command line, but not into the profile: the page's address is a secret.
    const first = join(this.#profile, "start.html");
    writeFileSync(first, `<!doctype html><meta http-equiv="refresh" content="0; url=${address}" />`);
    const flags = [...QUIET, `--user-data-dir=${this.#profile}`];
    // Chromium's sandbox refuses to work for root: https://crbug.com/638180
    if (process.getuid?.() === 0) flags.push("--no-sandbox");
    flags.push(gpu ? "--enable-unsafe-webgpu" : "--disable-gpu");
    // Behind a launcher that ties the browser's life to this process's, where there is one.
    const launcher = JSON.parse(process.env.INKPORT_LAUNCHER ?? "[]");
    if (launcher.length) launcher.push(String(process.pid));
    const [program, ...before] = [...launcher, process.env.INKPORT_CHROMIUM];
    this.#process = spawn(program, [...before, ...flags, pathToFileURL(first).href], {
      env: surroundings(this.#profile),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    this.#process.stderr.on("data", (text) => (said = (said + text).slice(-2000)));
    this.#process.once("error", (error) => fail(new ChildError("unavailable", `the browser: ${error.message}`)));
    this.#process.once("close", (code, signal) => {
      const last = said.trim().split("\n").slice(-3).join("\n");
      fail(new ChildError("failed", `the browser ended (${signal ?? `exit code ${code}`})\n${last}`.trim()));
      this.#process = undefined;
    });
  }

  /** Whether it has not ended. */
  get runs() {
    return this.#process !== undefined;
  }

  async close() {
    const browser = this.#process;
    if (browser && browser.exitCode === null && browser.signalCode === null) {
      const ended = new Promise((resolve) => browser.once("exit", resolve));
      browser.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
