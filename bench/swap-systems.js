// What is swapped: each system starts with version 1 and gives { port, swap(version), stop() }.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { siteLayout } from "../dist/site/layout.js";
import { askSupervisor } from "../dist/supervisor/ask.js";
import { app, publish } from "../dist-test/supervisor/supervised-site.js";

const INPLACE = fileURLToPath(new URL("../bin/inplace.js", import.meta.url));
const SETTLE_MS = 120_000;
const PROBATION_MS = 500;

export const systems = {
  supervise: () => supervised("held"),
  spliced: () => supervised("spliced"),
};

async function supervised(front) {
  const layout = siteLayout(await mkdtemp(join(tmpdir(), "inplace-swap-")));
  await mkdir(layout.target);
  await publish(layout, "app-1.mjs", app("1"));
  await writeFile(
    join(layout.root, "inplace.config.json"),
    JSON.stringify({ supervise: { front, probationMs: PROBATION_MS } }),
  );
  const args = ["--site-root", layout.root, "supervise", "--port", "0", "--host", "127.0.0.1"];
  const child = spawn(process.execPath, [INPLACE, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let port;
  child.stdout.on("data", (chunk) => (port ??= /holding 127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1]));
  while (port === undefined) await once(child.stdout, "data");
  const settled = (artifact) =>
    askSupervisor(layout, { ask: "wait", artifact }, AbortSignal.timeout(SETTLE_MS));
  await until(async () => (await settled("app-1.mjs").catch(() => undefined))?.result === "live");
  const first = await footprint(child.pid);
  const reaction = [];
  return {
    port: Number(port),
    async swap(version) {
      await publish(layout, `app-${version}.mjs`, app(version));
      const ended = await settled(`app-${version}.mjs`);
      if (ended?.result !== "live") throw new Error(JSON.stringify(ended));
      const { detectedAfterMs, firstRequestAfterMs, readyAfterMs } = ended.swap;
      if (firstRequestAfterMs !== undefined)
        reaction.push(detectedAfterMs + firstRequestAfterMs - readyAfterMs);
    },
    async stop() {
      const last = await footprint(child.pid);
      child.kill("SIGTERM");
      await once(child, "exit");
      const staged = await readdir(layout.staging);
      await rm(layout.root, { recursive: true });
      const median = reaction.sort((a, b) => a - b)[reaction.length >> 1];
      return `first answer = boot + ${median} ms (median); supervisor ${first} → ${last}; ${staged.length} files left`;
    },
  };
}

/** Memory, descriptors and children of a process, on Linux. */
async function footprint(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const memory = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  const descriptors = (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return `${memory} MB, ${descriptors} fds, ${children.trim().split(/\s+/).length} child`;
}

async function until(condition) {
  const deadline = Date.now() + SETTLE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("not within the limit");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
