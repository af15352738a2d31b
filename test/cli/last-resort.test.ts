import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { SiteLayout } from "#src/site/layout.js";
import { writeOverlap } from "#src/site/overlap.js";
import { askSupervisor } from "#src/supervisor/ask.js";
import { writeSite } from "../platform/site.js";
import { alive } from "../rig/alive.js";
import { defects, type Defects } from "../rig/defects.js";
import { freePort } from "../rig/free-port.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type Load } from "../rig/load.js";
import { startProgram, type Program } from "../rig/program.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { handoverSite, launched } from "../supervisor/handover-site.js";
import { app, publish, SETTLE_MS } from "../supervisor/supervised-site.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));
const TOLD = /INTERNAL: a defect that a test causes\n.*TypeError: a defect that a test causes\n\S+Z +at /;

const times = (program: Program): number => program.output.split("error INTERNAL").length - 1;

async function says(program: Program, what: string | RegExp): Promise<void> {
  await until(
    () => `${what} in ${program.output}`,
    () => (typeof what === "string" ? program.output.includes(what) : what.test(program.output)),
  );
}

interface Served {
  readonly layout: SiteLayout;
  readonly program: Program;
  readonly pid: number;
  readonly port: number;
  readonly defects: Defects;
}

async function serve(t: TestContext): Promise<Served> {
  const causes = await defects(await temporaryFolder(t));
  const layout = await temporarySite(t);
  await writeSite(layout);
  const port = await freePort();
  const args = [INPLACE, "--site-root", layout.root, "serve", "--port", String(port)];
  const program = startProgram(t, process.execPath, args, { cwd: layout.root, env: causes.env });
  await says(program, "://");
  return { layout, program, pid: program.pid, port, defects: causes };
}

/** The child of a process, other than this one, that has a word with this ending in its command line. */
async function childOf(pid: number, ending: string, other?: number): Promise<number> {
  return await until(`a child of ${pid}`, async () => {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
    for (const child of children.split(" ").filter((each) => each !== "" && Number(each) !== other)) {
      const line = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "");
      if (line.split("\0").some((word) => word.endsWith(ending))) return Number(child);
    }
    return undefined;
  });
}

const ask = async (port: number, path: string): Promise<string> =>
  await (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).text();

/** A request whose answer the app holds back, and the app's own port and process. */
async function held({ port }: Served): Promise<{ answer: Promise<string>; appPort: number; appPid: number }> {
  const { HTTP_PLATFORM_PORT } = JSON.parse(await ask(port, "/environment")) as Record<string, string>;
  const appPort = Number(HTTP_PLATFORM_PORT);
  const first = await fetch(`http://127.0.0.1:${appPort}/`);
  const answer = ask(port, "/wait");
  answer.catch(() => undefined);
  await until("it is inside", async () => (await ask(appPort, "/pending")) === "1");
  return { answer, appPort, appPid: Number(first.headers.get("x-pid")) };
}

const takesVisitors = async (port: number): Promise<boolean> =>
  await ask(port, "/").then(
    () => true,
    () => false,
  );

test("where no process of the app may run beside another, a defect of inplace serve is told once; what is in flight is answered, its app is ended, and it ends with 1", async (t) => {
  const served = await serve(t);
  const { program, port } = served;
  await writeOverlap(served.layout, false);
  const { answer, appPort, appPid } = await held(served);
  await served.defects.cause(served.pid);
  await says(program, TOLD);
  await until("it takes no more visitors", async () => !(await takesVisitors(port)));
  await ask(appPort, "/release");
  assert.equal(await answer, "released\n");
  assert.equal((await program.ended()).code, 1, program.output);
  assert.equal(times(program), 1, program.output);
  assert.equal(alive(appPid), false);
});

test("inplace serve with a defect hands its sockets over and loses no request; it does so three times, and is stopped as ever", async (t) => {
  const served = await serve(t);
  const { program, port, layout } = served;
  const { answer, appPort } = await held(served);
  const load = await startLoad({
    port,
    version: "x-pid: (\\S+)",
    streams: [{ name: "fresh", perSecond: 20, connections: "fresh" }],
  });
  const handlers = [served.pid];
  for (let time = 1; time <= 3; time += 1) {
    await served.defects.cause(handlers.at(-1) ?? 0);
    await until(
      () => `the ${time}th successor serves: ${program.output}`,
      () => program.output.split("serving on").length - 1 === time + 1,
    );
    if (time === 1) await ask(appPort, "/release");
    handlers.push(await childOf(handlers.at(-1) ?? 0, "serve"));
  }
  assert.equal(await answer, "released\n");
  assertNoneFailed(await load.stop());
  assert.equal(times(program), 3, program.output);
  process.kill(served.pid, "SIGTERM");
  assert.equal((await program.ended()).code, 0, program.output);
  assert.equal(await takesVisitors(port), false);
  assert.deepEqual(handlers.filter(alive), [], layout.root);
});

test("a second one meanwhile ends it at once, and its app with it", async (t) => {
  const served = await serve(t);
  const { program } = served;
  const { answer, appPid } = await held(served);
  await served.defects.cause(served.pid, 2);
  assert.equal((await program.ended()).code, 1, program.output);
  await assert.rejects(answer);
  assert.equal(times(program), 2, program.output);
  await until("its app has ended", () => !alive(appPid));
});

const supervisorPid = async (layout: SiteLayout): Promise<number | undefined> =>
  (await askSupervisor(layout, { ask: "status" }, AbortSignal.timeout(SETTLE_MS)).catch(() => undefined))
    ?.pid;

/** Another supervisor than these has the channel for the command. */
async function another(layout: SiteLayout, before: ReadonlySet<number>): Promise<number> {
  return await until("another supervisor answers", async () => {
    const pid = await supervisorPid(layout);
    return pid !== undefined && !before.has(pid) && pid;
  });
}

/** Fifty a second, each on a connection of its own. */
const visitors = (port: number): Promise<Load> =>
  startLoad({
    port,
    version: "x-version: (\\S+)",
    streams: [{ name: "fresh", perSecond: 50, connections: "fresh" }],
    maxMs: 2 * SETTLE_MS,
  });

/** The last supervisor takes the next release, and until then no visitor lost anything. */
async function takesTheNext(layout: SiteLayout, load: Load): Promise<void> {
  await publish(layout, "app-2.mjs", app("2"));
  await load.until(({ version }) => version === "2", "a release by the last one");
  assertNoneFailed(await load.stop());
}

test("a supervisor with a defect hands over to another one and loses no request; it does so three times in a minute", async (t) => {
  const causes = await defects(await temporaryFolder(t));
  const layout = await handoverSite(t);
  const started = await launched(t, layout, causes.env);
  const load = await visitors(started.port);
  await load.until(({ version }) => version === "1", "the first release");
  const seen = new Set<number>();
  for (let time = 1; time <= 3; time += 1) {
    const pid = await another(layout, seen);
    seen.add(pid);
    await causes.cause(pid);
  }
  const last = await another(layout, seen);
  await takesTheNext(layout, load);
  assert.equal(times(started), 3, started.output);
  await until("its swap is over", () => started.output.includes("swap to app-2.mjs"));
  await causes.cause(last);
  await says(started, /fail again and again/);
  assert.equal((await started.ended()).code, 1, started.output);
});

test("a supervisor with a defect while it takes over is followed by another one, and no request is lost", async (t) => {
  const causes = await defects(await temporaryFolder(t));
  const layout = await handoverSite(t);
  // Slow to listen, so that who takes over does not serve yet.
  const slowly = "await new Promise((done) => setTimeout(done, 1_000));";
  await publish(layout, "app-1.mjs", app("1", slowly));
  const started = await launched(t, layout, causes.env);
  const first = await another(layout, new Set());
  const load = await visitors(started.port);
  await causes.cause(first);
  const takesOver = await childOf(first, "supervise.mjs");
  await childOf(takesOver, "app-1.mjs");
  await causes.cause(takesOver);
  await another(layout, new Set([first, takesOver]));
  await takesTheNext(layout, load);
  assert.equal(times(started), 2, started.output);
});

test("a supervisor that took over hands over, too, while the first one's last visitor leaves", async (t) => {
  const causes = await defects(await temporaryFolder(t));
  const layout = await handoverSite(t);
  // Nobody who starts it is live before this file is there.
  const gate = join(layout.root, "gate");
  const waits = `const { existsSync } = await import("node:fs");
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 10));`;
  await publish(layout, "app-1.mjs", app("1", waits));
  await writeFile(gate, "");
  const started = await launched(t, layout, causes.env);
  const first = await another(layout, new Set());
  const worker = await childOf(first, "app-1.mjs");
  const visitor = connect(started.port, "127.0.0.1");
  t.after(() => visitor.destroy());
  visitor.write("POST / HTTP/1.1\r\nhost: site\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n");
  await once(visitor, "data");
  const load = await visitors(started.port);
  await causes.cause(first);
  const second = await another(layout, new Set([first]));
  await rm(gate);
  await causes.cause(second);
  const third = await childOf(first, "supervise.mjs", second);
  await childOf(third, "app-1.mjs");
  const answer = once(visitor, "data");
  visitor.write("ab");
  assert.match(String(await answer), /\r\n1 2\r\n|\r\n1 2$/);
  await until("the first one's worker has ended", () => !alive(worker));
  await writeFile(gate, "");
  await another(layout, new Set([first, second]));
  await takesTheNext(layout, load);
  assert.equal(times(started), 2, started.output);
});

test("where nobody can take over, the supervisor drains and ends with 1", async (t) => {
  const causes = await defects(await temporaryFolder(t));
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", app("1"));
  const port = await freePort();
  const args = [
    INPLACE,
    "--site-root",
    layout.root,
    "supervise",
    "--host",
    "127.0.0.1",
    "--port",
    String(port),
  ];
  const program = startProgram(t, process.execPath, args, { cwd: layout.root, env: causes.env });
  await says(program, "swap to app-1.mjs");
  const slow = ask(port, "/slow");
  await until("the slow request is inside", async () => (await ask(port, "/")).startsWith("1"));
  await causes.cause(program.pid);
  assert.equal(await slow, "slow 1");
  assert.equal((await program.ended()).code, 1, program.output);
  assert.match(program.output, TOLD);
  assert.equal(times(program), 1, program.output);
});

test("a log that nobody reads any more ends no site", async (t) => {
  const layout = await temporarySite(t);
  await publish(layout, "app-1.mjs", app("1"));
  const port = await freePort();
  const command = `"$0" "$1" --site-root "$2" supervise --host 127.0.0.1 --port ${port} 2>&1 | head -n 1`;
  const env = { FORCE_COLOR: undefined };
  const args = ["-c", command, process.execPath, INPLACE, layout.root];
  startProgram(t, "sh", args, { cwd: layout.root, env });
  await until("it serves", async () => (await ask(port, "/").catch(() => "")).startsWith("1"));
  await publish(layout, "app-2.mjs", app("2"));
  await until("and takes the next release", async () => (await ask(port, "/")).startsWith("2"));
  const pid = await supervisorPid(layout);
  assert.ok(pid);
  process.kill(pid, "SIGTERM");
  await until("it has ended", () => !alive(pid));
});
