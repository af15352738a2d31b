import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { SiteLayout } from "#src/site/layout.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { drop, temporarySite } from "../rig/temporary-site.js";
import { alive } from "../rig/alive.js";
import { until } from "../rig/until.js";
import { app, publish } from "./supervised-site.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));

interface Command {
  readonly child: ChildProcess;
  readonly port: number;
  output(): string;
}

async function supervise(t: TestContext, layout: SiteLayout): Promise<Command> {
  const child = spawn(
    process.execPath,
    [INPLACE, "--site-root", layout.root, "supervise", "--port", "0", "--host", "127.0.0.1"],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, HTTP_PLATFORM_PORT: undefined } },
  );
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const port = await until("the supervisor holds a port", () => /holding 127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  await until("the site answers", async () => text.includes("swap to"));
  return { child, port: Number(port), output: () => text };
}

async function inplace(
  layout: SiteLayout,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [INPLACE, "--site-root", layout.root, ...args]);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}

const get = async (port: number, path = "/"): Promise<string> =>
  await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).text();

test("the command tells what a swap cost, or why a release failed, with the exit code that scripts need", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", app("1"));
  await writeFile(join(layout.root, "inplace.config.json"), '{ "supervise": { "probationMs": 300 } }');
  const { port } = await supervise(t, layout);

  await publish(layout, "app-2.mjs", app("2"));
  const waited = await inplace(layout, "wait", "app-2.mjs", "--json");
  assert.equal(waited.code, 0, waited.err);
  const document = JSON.parse(waited.out) as { artifact: string; swap: { previous: string; cut: number } };
  assert.equal(document.artifact, "app-2.mjs");
  assert.equal(document.swap.previous, "app-1.mjs");
  assert.equal(document.swap.cut, 0);

  await publish(layout, "app-3.mjs", `console.error("no database"); process.exit(2)`);
  const failed = await inplace(layout, "wait", "app-3.mjs");
  assert.equal(failed.code, 6);
  assert.match(
    failed.err,
    /START_FAILED: app-3\.mjs failed: it ended with exit code 2\.\n {2}\| no database/,
  );
  assert.match(failed.err, /app-2\.mjs serves on/);
  assert.match(await get(port), /^2/);

  const status = await inplace(layout, "status", "--json");
  const { supervisor } = JSON.parse(status.out) as { supervisor: { state: object; port: number } };
  assert.equal(supervisor.port, port);
  assert.deepEqual(supervisor.state, {
    state: "fallen-back",
    artifact: "app-2.mjs",
    failed: "app-3.mjs",
    reason: "it ended with exit code 2",
  });

  const back = await inplace(layout, "rollback", "app-1.mjs", "--yes", "--json");
  assert.deepEqual(JSON.parse(back.out), { schemaVersion: 1, artifact: "app-1.mjs", previous: "app-2.mjs" });
  const cost =
    /^app-1\.mjs is live after .* s: .*ready after .*switched after .*drained after .*requests meanwhile, 0 cut, 0 reset\n$/;
  assert.match((await inplace(layout, "wait", "app-1.mjs")).out, cost);
  assert.match(await get(port), /^1/);
  const gone = await inplace(layout, "rollback", "app-0.mjs", "--yes");
  assert.match(gone.err, /ARTIFACT_MISSING/);

  const again = await inplace(layout, "supervise", "--port", "0");
  assert.equal(again.code, 1);
  assert.match(again.err, /SUPERVISED_ALREADY/);
  assert.equal(again.out, "");
});

if (process.platform !== "win32") {
  test("signals: HUP reloads, TERM drains and ends with 0; nobody else may use the control socket", async (t) => {
    const layout = await temporarySite(t);
    await publish(layout, "app.mjs", app("1"));
    const { child, port } = await supervise(t, layout);
    assert.equal((await stat(layout.control)).mode & 0o777, 0o600);
    const first = await get(port, "/pid");
    const load = await startLoad({ port, streams: [{ name: "fresh", perSecond: 50, connections: "fresh" }] });
    child.kill("SIGHUP");
    await until("a fresh process", async () => (await get(port, "/pid")) !== first);
    assertNoneFailed(await load.stop());
    const slow = get(port, "/slow");
    await until("the slow request is inside", async () => (await get(port)).startsWith("1"));
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.equal(await slow, "slow 1");
    assert.deepEqual(await exited, [0, null]);
    await assert.rejects(get(port));
  });

  test("when the supervisor is killed its worker answers what it has and ends", async (t) => {
    const layout = await temporarySite(t);
    await publish(layout, "app.mjs", app("1"));
    const { child, port } = await supervise(t, layout);
    const worker = Number(await get(port, "/pid"));
    child.kill("SIGKILL");
    await until("the worker is gone", () => !alive(worker));
    await assert.rejects(get(port));
  });

  test("when the supervisor is killed a worker that hears nothing is ended when its drain would be over", async (t) => {
    const layout = await temporarySite(t);
    await writeFile(
      join(layout.root, "inplace.config.json"),
      JSON.stringify({ supervise: { drainMs: 500 } }),
    );
    const crash = `if (request.url === "/crash")`;
    const deaf = app("1").replace(crash, `while (request.url === "/forever");\n    ${crash}`);
    await publish(layout, "app.mjs", deaf);
    const { child, port } = await supervise(t, layout);
    const worker = Number(await get(port, "/pid"));
    const forever = get(port, "/forever").catch(() => "cut");
    await until("it hears nothing", () =>
      fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(200) }).then(
        () => false,
        () => true,
      ),
    );
    child.kill("SIGKILL");
    await until("the worker is gone", () => !alive(worker));
    assert.equal(await forever, "cut");
  });

  test("the second signal ends everything at once", async (t) => {
    const layout = await temporarySite(t);
    await publish(layout, "app.mjs", app("1").replaceAll("500", "60_000"));
    const { child, port } = await supervise(t, layout);
    const worker = Number(await get(port, "/pid"));
    const slow = get(port, "/slow").catch(() => "cut");
    await until("the slow request is inside", async () => (await get(port)).startsWith("1"));
    child.kill("SIGTERM");
    await until(
      "the port is closed",
      async () =>
        await get(port).then(
          () => false,
          () => true,
        ),
    );
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [130, null]);
    assert.equal(await slow, "cut");
    await until("the worker is gone", () => !alive(worker));
  });
}

test("of releases that are dropped by hand, a supervisor keeps as many as the site says, and the running one", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", app("1"));
  await writeFile(
    join(layout.root, "inplace.config.json"),
    '{ "keep": 1, "supervise": { "probationMs": 50 } }',
  );
  const { output } = await supervise(t, layout);
  for (const number of [2, 3, 4]) {
    await drop(layout, `app-${number}.mjs`, app(String(number)));
    await until("the drop is live", () => output().includes(`swap to app-${number}.mjs`));
  }
  await until("the oldest is gone", () => output().includes("removed app-2.mjs"));
  assert.deepEqual((await readdir(layout.target)).includes("app-2.mjs"), false);
  assert.match((await inplace(layout, "history")).out, /pruned +app-2\.mjs/);
});
