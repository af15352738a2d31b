// What is swapped: each system starts with version 1 and gives { port, pid, swap(version), stop() }.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLastGood } from "../dist/site/health-marks.js";
import { siteLayout } from "../dist/site/layout.js";
import { installRuntime } from "../dist/site/runtime-bundle.js";
import { askSupervisor } from "../dist/supervisor/ask.js";
import { publish } from "../dist-test/supervisor/supervised-site.js";
import { app } from "./swap-app.js";

const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
const INPLACE = join(PACKAGE, "bin/inplace.js");
const SETTLE_MS = 120_000;
const PROBATION_MS = 500;

export const systems = {
  supervise: (options) => supervised("held", options),
  spliced: (options) => supervised("spliced", options),
  serve: (options) => served(options),
};

/** The embedded handler over a site that is recycled: it starts the next release beside the old one. */
async function served(options = {}) {
  if (options.tls) throw new Error("serve speaks TLS itself, not its app");
  const layout = siteLayout(await mkdtemp(join(tmpdir(), "inplace-swap-")));
  await mkdir(layout.target);
  for (const file of ["launch.sh", "web.config"])
    await copyFile(join(PACKAGE, file), join(layout.root, file));
  await installRuntime(layout);
  await publish(layout, "app-1.mjs", app("1", options));
  const args = ["--site-root", layout.root, "serve", "--port", "0", "--host", "127.0.0.1"];
  const child = spawn(process.execPath, [INPLACE, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let port;
  child.stdout.on("data", (chunk) => (port ??= /http:\/\/127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1]));
  while (port === undefined) await once(child.stdout, "data");
  const settle = async (version) => {
    await untilAnswers(port, version);
    await until(async () => (await readLastGood(layout)) === `app-${version}.mjs`);
    await rm(join(layout.target, `app-${Number(version) - 1}.mjs`), { force: true });
  };
  await settle("1");
  return {
    port: Number(port),
    pid: child.pid,
    async swap(version) {
      await publish(layout, `app-${version}.mjs`, app(version, options));
      await settle(version);
    },
    filesLeft: () => filesLeft(layout),
    stop: () => stop(child, layout),
  };
}

async function supervised(front, options = {}) {
  const layout = siteLayout(await mkdtemp(join(tmpdir(), "inplace-swap-")));
  await mkdir(layout.target);
  await publish(layout, "app-1.mjs", app("1", options));
  const supervise = { front, probationMs: PROBATION_MS };
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify({ supervise }));
  const args = ["--site-root", layout.root, "supervise", "--port", "0", "--host", "127.0.0.1"];
  const child = spawn(process.execPath, [INPLACE, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let port;
  child.stdout.on("data", (chunk) => (port ??= /holding 127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1]));
  while (port === undefined) await once(child.stdout, "data");
  const settled = (artifact) =>
    askSupervisor(layout, { ask: "wait", artifact }, AbortSignal.timeout(SETTLE_MS));
  await until(async () => (await settled("app-1.mjs").catch(() => undefined))?.result === "live");
  return {
    port: Number(port),
    pid: child.pid,
    folder: layout.root,
    /** Gives when the pointer had been written. */
    async publish(version) {
      await publish(layout, `app-${version}.mjs`, app(version, options));
      return performance.now();
    },
    async settle(version) {
      const ended = await settled(`app-${version}.mjs`);
      if (ended?.result !== "live") throw new Error(JSON.stringify(ended));
      // As prune does.
      await rm(join(layout.target, `app-${Number(version) - 1}.mjs`), { force: true });
    },
    async swap(version) {
      await this.publish(version);
      await this.settle(version);
    },
    filesLeft: () => filesLeft(layout),
    stop: () => stop(child, layout),
  };
}

async function filesLeft({ staging, target }) {
  return (await readdir(staging)).length + (await readdir(target)).length - 1;
}

async function stop(child, layout) {
  child.kill("SIGTERM");
  await once(child, "exit");
  await rm(layout.root, { recursive: true });
}

/** Memory in MB, descriptors and children of a process, on Linux. */
export async function footprint(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const memory = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  const descriptors = (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return { memory, descriptors, children: children.trim().split(/\s+/).length };
}

/** Resolves with the time of the first answer by this version, asked for without a pause; one connection per question. */
export async function untilAnswers(port, version, { tls = false } = {}) {
  await until(async () => (await versionAt(port, tls)) === version, 1);
  return performance.now();
}

function versionAt(port, tls) {
  const options = { host: "127.0.0.1", port, agent: false, rejectUnauthorized: false, timeout: 30_000 };
  return new Promise((resolve) => {
    (tls ? getHttps : getHttp)(options, (response) => {
      response.resume().once("close", () => resolve(response.headers["x-version"]));
    }).once("error", () => resolve(undefined));
  });
}

async function until(condition, pauseMs = 50) {
  const deadline = Date.now() + SETTLE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("not within the limit");
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
