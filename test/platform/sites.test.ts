import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { request } from "node:http";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { PlatformEvent } from "#src/events.js";
import { startPlatformHandler, type PlatformHandler } from "#src/platform/handler.js";
import { siteLayout } from "#src/site/layout.js";
import { unlessInstalled } from "../rig/installed.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { rawClient } from "./raw.js";
import { writeSite } from "./site.js";

const run = promisify(execFile);

interface Answer {
  readonly status: number;
  readonly pid: string | undefined;
  readonly text: string;
}

function ask(port: number, host: string, path = "/"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, headers: { Host: host } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, pid: response.headers["x-pid"] as string, text }),
      );
    });
    asked.on("error", reject).end();
  });
}

async function siteIn(folder: string, name: string): Promise<string> {
  const root = join(folder, name);
  await mkdir(root, { recursive: true });
  await writeSite(siteLayout(root));
  return root;
}

async function serve(t: TestContext, sites: string, more: object = {}): Promise<PlatformHandler> {
  const handler = await startPlatformHandler({ sites, port: 0, ...more });
  t.after(() => handler.stop());
  return handler;
}

test("each folder is the site of its host name, with processes of its own, and _default takes the other hosts", async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ["one.example", "two.example", "_default"]) await siteIn(folder, name);
  await rename(join(folder, "one.example", "web.config"), join(folder, "one.example", "Web.config"));
  await mkdir(join(folder, "no-site"));
  const { port } = await serve(t, folder);
  const answers = await Promise.all(
    ["one.example", "TWO.example:80", "three.example"].map((host) => ask(port, host)),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  equal(new Set(answers.map(({ pid }) => pid)).size, 3);
});

test("a failing site never touches another: crash, malformed web.config, app_offline.htm", async (t) => {
  const folder = await temporaryFolder(t);
  const sound = await siteIn(folder, "sound.example");
  const failing = await siteIn(folder, "failing.example");
  const events: PlatformEvent[] = [];
  const { port } = await serve(t, folder, { events: (event: PlatformEvent) => void events.push(event) });
  const { pid } = await ask(port, "sound.example");
  equal((await ask(port, "failing.example", "/crash")).status, 502);
  await writeFile(join(failing, "web.config"), "<configuration>");
  await writeFile(join(failing, "app_offline.htm"), "away");
  equal((await ask(port, "sound.example")).pid, pid);
  await until("the malformed web.config is refused", () =>
    events.some(
      (event) =>
        event.type === "of-site" && event.site === "failing.example" && event.event.type === "config-refused",
    ),
  );
  await writeSite(siteLayout(failing));
  await until(
    "app_offline.htm counts again",
    async () => (await ask(port, "failing.example")).text === "away",
  );
  notEqual(sound, failing);
});

test("a site that is malformed from the start answers 500.19 and the others are served", async (t) => {
  const folder = await temporaryFolder(t);
  await siteIn(folder, "sound.example");
  await writeFile(join(await siteIn(folder, "broken.example"), "web.config"), "<oops");
  const { port } = await serve(t, folder);
  equal((await ask(port, "broken.example")).status, 500);
  equal((await ask(port, "sound.example")).status, 200);
});

test("a list of sites maps hosts and paths; the longest path wins, whole segments only", async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ["main", "app"]) await siteIn(folder, name);
  const list = join(folder, "sites.json");
  await writeFile(
    list,
    JSON.stringify({
      sites: [
        { host: "a.example", root: "main" },
        { host: "a.example", path: "/app/", root: "./app" },
      ],
    }),
  );
  const { port } = await serve(t, list);
  const main = (await ask(port, "a.example", "/")).pid;
  const app = (await ask(port, "a.example", "/app")).pid;
  notEqual(main, app);
  const pids = await Promise.all(
    ["/app/x", "/APP?x", "/apple", "/x/app"].map(async (path) => (await ask(port, "a.example", path)).pid),
  );
  deepEqual(pids, [app, app, main, main]);
  equal((await ask(port, "b.example")).status, 404);
  const environment = JSON.parse((await ask(port, "a.example", "/environment")).text) as Record<
    string,
    string
  >;
  equal(environment["HTTP_PLATFORM_APPL_PATH"], "/");
});

test("a list that cannot be right is refused with a code", async (t) => {
  const folder = await temporaryFolder(t);
  const list = join(folder, "sites.json");
  const cases: readonly (readonly [unknown, string])[] = [
    [{}, "CONFIG_INVALID"],
    [{ sites: [] }, "CONFIG_INVALID"],
    [{ sites: [{ host: "a b", root: "x" }] }, "CONFIG_INVALID"],
    [{ sites: [{ host: "a", root: "x", pth: "/" }] }, "CONFIG_UNKNOWN_KEY"],
    [
      {
        sites: [
          { host: "a", root: "x" },
          { host: "A", root: "y" },
        ],
      },
      "CONFIG_INVALID",
    ],
    [{ sites: [{ host: "a", path: "app", root: "x" }] }, "CONFIG_INVALID"],
  ];
  for (const [content, code] of cases) {
    await writeFile(list, JSON.stringify(content));
    await rejects(startPlatformHandler({ sites: list, port: 0 }), { code });
  }
  await writeFile(list, "{");
  await rejects(startPlatformHandler({ sites: list, port: 0 }), { code: "CONFIG_UNREADABLE" });
});

test("a site that comes into the list is served, one that leaves it stops, and a list that cannot be read changes nothing", async (t) => {
  const folder = await temporaryFolder(t);
  const aside = await temporaryFolder(t);
  await siteIn(folder, "stays.example");
  const events: string[] = [];
  const { port } = await serve(t, folder, {
    events: (event: PlatformEvent) => {
      if (event.type === "of-site") events.push(`${event.site} ${event.event.type}`);
      else events.push(event.type === "sites-refused" ? event.problem : event.type);
    },
  });
  const { pid } = await ask(port, "stays.example");
  const statusOf = async (host: string): Promise<number> => (await ask(port, host)).status;

  await rename(await siteIn(aside, "late.example"), join(folder, "late.example"));
  await until("the late site is served", async () => (await statusOf("late.example")) === 200);
  // A web.config that is being replaced takes nothing down.
  await rm(join(folder, "late.example", "web.config"));
  const upload = rawClient(t, port);
  upload.send("POST / HTTP/1.1\r\nHost: late.example\r\nContent-Length: 4\r\n\r\nha");
  await rename(join(folder, "late.example"), join(aside, "away.example"));
  await until("the late site has left", async () => (await statusOf("late.example")) === 404);
  upload.send("lf");
  await upload.sees(/^HTTP\/1\.1 200 /);

  await rename(folder, `${folder} away`);
  t.after(() => rm(`${folder} away`, { recursive: true, force: true }));
  await until("a list that is away is told", () =>
    events.includes(`There is no ${folder} to read sites from.`),
  );
  equal((await ask(port, "stays.example")).pid, pid);
  await rename(`${folder} away`, folder);
  await rename(join(aside, "away.example"), join(folder, "again.example"));
  await siteIn(folder, "again.example");
  await until("another one is served", async () => (await statusOf("again.example")) === 200);
  deepEqual(
    events.filter((event) => /site-added|site-removed|There is no/.test(event)),
    [
      "late.example site-added",
      "late.example site-removed",
      `There is no ${folder} to read sites from.`,
      "again.example site-added",
    ],
  );
});

test("a JSON list is followed: a path under a host comes, and moves to another root without a request lost", async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ["main", "app", "app2"]) await siteIn(folder, name);
  const list = join(folder, "sites.json");
  const write = (text: string): Promise<void> =>
    writeFile(`${list}.new`, text).then(() => rename(`${list}.new`, list));
  const sites = (...roots: readonly string[]): string =>
    JSON.stringify({ sites: [{ root: "main" }, ...roots.map((root) => ({ path: "/app", root }))] });
  await write(sites());
  const refused: string[] = [];
  const { port } = await serve(t, list, {
    events: (event: PlatformEvent) => {
      if (event.type === "sites-refused") refused.push(event.problem);
    },
  });
  const pidAt = async (path: string): Promise<string | undefined> => {
    const { status, pid } = await ask(port, "any.example", path);
    equal(status, 200);
    return pid;
  };
  const main = await pidAt("/app");
  await write(sites("app"));
  const app = await until("it has a process of its own", async () => {
    const pid = await pidAt("/app");
    return pid !== main && pid;
  });
  await write(sites("app", "app2"));
  await until("a list with a place twice is refused", () => refused.length === 1);
  equal(await pidAt("/app"), app);
  await write(sites("app2"));
  await until("it has moved", async () => (await pidAt("/app")) !== app);
  equal(await pidAt("/"), main);
  match(refused.join("\n"), /^\S.*sites\.json has two sites for \*\/app\.$/);
});

test("the access log has a line for each request, in IIS's columns and with site and artifact", async (t) => {
  const folder = await temporaryFolder(t);
  const root = await siteIn(folder, "a.example");
  await mkdir(join(root, ".inplace"));
  const launch = await readFile(join(root, "launch.sh"), "utf8");
  await writeFile(join(root, "launch.sh"), `echo hello-0123456789.mjs > .inplace/started\n${launch}`);
  const path = join(folder, "access.log");
  const handler = await startPlatformHandler({ sites: folder, port: 0, accessLog: { path, format: "w3c" } });
  await ask(handler.port, "a.example", "/x?q=1");
  await ask(handler.port, "unknown.example", "/y");
  await handler.stop();
  const lines = (await readFile(path, "utf8")).trim().split("\n");
  match(
    lines.find((line) => line.startsWith("#Fields:")) ?? "",
    /^#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port/,
  );
  const [first = "", second = ""] = lines.filter((line) => !line.startsWith("#"));
  match(
    first,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 127\.0\.0\.1 GET \/x q=1 \d+ - 127\.0\.0\.1 - - 200 0 0 \d+ \d+ a\.example hello-0123456789\.mjs$/,
  );
  match(second, / GET \/y - \d+ - 127\.0\.0\.1 - - 404 0 0 \d+ \d+ - -$/);
});

test("the access log as JSON, and a client that goes away is a cut", async (t) => {
  const folder = await temporaryFolder(t);
  const root = await siteIn(folder, "site");
  const path = join(folder, "access.jsonl");
  const handler = await startPlatformHandler({
    siteRoot: root,
    port: 0,
    accessLog: { path, format: "json" },
  });
  await fetch(`http://127.0.0.1:${handler.port}/`, { headers: { "User-Agent": "test agent" } });
  const client = rawClient(t, handler.port);
  client.send("GET /events HTTP/1.1\r\nHost: site\r\n\r\n");
  await client.sees(/data: first/);
  client.socket.destroy();
  const records = await until("both records", async () => {
    const lines = (await readFile(path, "utf8").catch(() => "")).trim().split("\n");
    return lines.length === 2 && lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  });
  await handler.stop();
  const [first, second] = records;
  equal(first?.["userAgent"], "test agent");
  equal(first?.["status"], 200);
  equal(first?.["cut"], false);
  equal(second?.["target"], "/events");
  equal(second?.["cut"], true);
});

test(
  "a list that hangs, as on a share that is gone, holds up no stop",
  unlessInstalled("mkfifo"),
  async (t) => {
    const folder = await temporaryFolder(t);
    await siteIn(folder, "one");
    const list = join(folder, "sites.json");
    await writeFile(list, JSON.stringify({ sites: [{ root: "one" }] }));
    const handler = await serve(t, list);
    equal((await ask(handler.port, "one.example")).status, 200);
    await rm(list);
    await run("mkfifo", [list]);
    // Opened once somebody reads the list.
    const hangs = open(list, "w");
    const file = await hangs;
    const stopped = await Promise.race([handler.stop().then(() => true), delay(10_000, false)]);
    await file.close();
    ok(stopped);
  },
);
