// How processes end: asked, in time, too late, and with the handler itself.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { alive } from "../rig/alive.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { BACKEND, pidOf, serveSite, writeSite } from "./site.js";

const NODE = `"${process.execPath}" "${BACKEND}"`;
/** Takes the request to stop and goes on. */
const DEAF = `trap '' TERM; IGNORE_STOP=1 ${NODE}`;

const SHUTDOWN: readonly (readonly [what: string, limit: number, program: string, exit: string])[] = [
  ["is killed after the limit, with its tree", 1, DEAF, "SIGKILL"],
  ["is killed at once where there is no time", 0, DEAF, "SIGKILL"],
  ["has the time that it needs within the limit", 10, `trap 'sleep 0.3; exit 7' TERM; ${NODE} & wait`, "7"],
];

for (const [what, limit, program, exit] of SHUTDOWN) {
  test(`ShutdownTimeLimitTest: a process that is slow to stop ${what}`, async (t) => {
    const attributes = `shutdownTimeLimit="${limit}"`;
    const site = await serveSite(t, { section: "aspNetCore", attributes, program });
    const pid = pidOf(await fetch(site.url));
    await site.handler.stop();
    await until("the process has ended", () => !alive(pid));
    const exited = await site.nth("backend-exited", 1);
    ok(exited.type === "backend-exited");
    equal(exited.asked, true);
    equal(String(exited.signal ?? exited.code), exit);
  });
}

test("GracefulShutdownWorksWithMultipleRequestsInFlight: those that wait are answered and logged, then the process is asked to stop", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const site = await serveSite(t, { accessLog: { path, format: "json" } });
  const pid = pidOf(await fetch(site.url));
  const waiting = Array.from({ length: 5 }, () => fetch(`${site.url}/wait`));
  await until("all are under way", async () => (await (await fetch(`${site.url}/pending`)).text()) === "5");
  const stopped = site.handler.stop();
  await site.nth("handler-stopping", 1);
  process.kill(pid, "SIGUSR2");
  deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  await stopped;
  equal(alive(pid), false);
  equal((await readFile(path, "utf8")).match(/"target":"\/wait","status":200/g)?.length, 5);
});

test("a handler that stops while a process starts ends that process, and who waited for it gets 503", async (t) => {
  const site = await serveSite(t, { program: "exec sleep 60", drainMs: 100 });
  const waiting = fetch(site.url);
  const starting = await site.nth("backend-starting", 1);
  await site.handler.stop();
  const answer = await waiting;
  equal(answer.status, 503);
  match(await answer.text(), /The handler is stopping/);
  ok(starting.type === "backend-starting");
  equal(alive(starting.pid), false);
});

test("a web.config that is mended while its process hangs in the start: who waited for that one is answered by the next", async (t) => {
  const site = await serveSite(t, { program: "exec sleep 60" });
  const waiting = fetch(site.url);
  const hanging = await site.nth("backend-starting", 1);
  await writeSite(site.layout, 'arguments="mended"');
  equal((await waiting).status, 200);
  ok(hanging.type === "backend-starting");
  await until("the one that hung has ended", () => !alive(hanging.pid));
});

test("a second signal to the handler ends the process that takes its time after the first", async (t) => {
  const site = await serveSite(t, { program: DEAF });
  const pid = pidOf(await fetch(site.url));
  const stopped = site.handler.stop();
  await site.nth("backend-stopping", 1);
  site.handler.kill();
  await until("the process has ended", () => !alive(pid), 5_000);
  await stopped;
});

test("a handler that is ended while web.config's old process still drains ends that too, and starts nothing more", async (t) => {
  const site = await serveSite(t, { program: DEAF });
  const old = pidOf(await fetch(site.url));
  await writeSite(site.layout, 'arguments="new"');
  await site.nth("backend-stopping", 1);
  const fresh = pidOf(await fetch(site.url));
  site.handler.kill();
  await until("both have ended", () => !alive(old) && !alive(fresh), 5_000);
  await fetch(site.url).catch((error: unknown) => match(String(error), /ECONNREFUSED|ECONNRESET|hang up/));
  equal(site.count("backend-starting"), 2);
});

test("RecycleApplicationAfterW3WPProcessBeingKilled: a handler that is killed takes the application with it, in any language", async (t) => {
  const layout = await temporarySite(t);
  await writeSite(layout, "", `${NODE}\nexit $?`);
  const args = ["bin/inplace.js", "serve", "--port", "0", "--site-root", layout.root];
  const handler = spawn(process.execPath, args, { cwd: resolve("."), stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => handler.kill("SIGKILL"));
  let said = "";
  handler.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const url = await until("it listens", () => /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]);
  const pid = pidOf(await fetch(url));
  handler.kill("SIGKILL");
  await once(handler, "exit");
  await until("the application has ended", () => !alive(pid));
});
