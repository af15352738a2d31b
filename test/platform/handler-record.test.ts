import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { deepEqual, equal, match } from "node:assert/strict";
import { cp, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HandlerRecord, readHandler } from "#src/site/handler-record.js";
import { siteLayout } from "#src/site/layout.js";
import { exists } from "#src/site/present.js";
import { runProgram } from "../rig/program.js";
import { PROJECT } from "../rig/project.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { pidOf, serveSite } from "./site.js";

test("status tells where a site is served and by which processes, as long as it is", async (t) => {
  const site = await serveSite(t);
  const { layout, url } = site;
  const handler = (): ReturnType<typeof readHandler> => readHandler(layout);
  const pid = pidOf(await fetch(url));
  const served = await until("the record of the process", async () => {
    const state = await handler();
    return state?.processes.length === 1 && state;
  });
  equal(served.pid, process.pid);
  deepEqual(served.urls, site.handler.urls);
  const line = ["bin/inplace.js", "status", "--site-root", layout.root];
  const { stdout } = await runProgram(t, process.execPath, line, { cwd: PROJECT });
  match(stdout, new RegExp(`^handler +serves ${url}\\b.*, pid ${process.pid}$`, "m"));
  match(stdout, new RegExp(`^serving +process \\(pid ${pid}\\)$`, "m"));

  const copy = join(await temporaryFolder(t), "copy");
  await cp(layout.root, copy, { recursive: true });
  equal(await readHandler(siteLayout(copy)), undefined, "nobody serves a copy of the site");

  await fetch(`${url}/crash`);
  const next = pidOf(await fetch(url));
  await until("the record of the next process", async () => (await handler())?.processes[0]?.pid === next);
  await site.handler.stop();
  equal(await handler(), undefined);
  equal(await exists(layout.handler), false);
});

test("a handler that has ended without a word is told of no more, nor what is no record", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  await mkdir(join(layout.root, ".inplace"));
  const ended = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(ended, "exit");
  const { pid } = ended;
  const state = {
    root: layout.root,
    host: hostname(),
    pid,
    id: "its",
    since: new Date().toISOString(),
    urls: [],
    processes: [],
  };
  for (const text of [JSON.stringify(state), JSON.stringify({ ...state, pid: -1 }), "{", "", "[]"]) {
    await writeFile(layout.handler, text);
    equal(await readHandler(layout), undefined);
  }
});

test("a site's folder that was moved away does not come back for a record", async (t) => {
  const site = await serveSite(t);
  await fetch(site.url);
  const away = `${site.layout.root} away`;
  await rename(site.layout.root, away);
  await fetch(`${site.url}/crash`).catch(() => undefined);
  await site.nth("backend-exited", 1);
  await site.handler.stop();
  equal(await exists(site.layout.root), false);
  await rename(away, site.layout.root);
});

test("a handler writes and removes nothing any more once its successor has begun", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  const failed = (error: unknown): void => void failures.push(error);
  const failures: unknown[] = [];
  const old = new HandlerRecord(layout, failed);
  const urls = async (): Promise<readonly string[] | undefined> => (await readHandler(layout))?.urls;
  old.add({ pid: process.pid });
  old.begin(["http://old"]);
  await until("the old one's record", async () => (await urls())?.[0] === "http://old");
  const next = new HandlerRecord(layout, failed);
  next.begin(["http://next"]);
  await until("the next one's record", async () => (await urls())?.[0] === "http://next");
  old.remove(process.pid);
  await old.end();
  deepEqual(await urls(), ["http://next"]);
  next.update({ pid: process.pid, artifact: "app-1.mjs" });
  next.add({ pid: process.ppid });
  await until("its process", async () => (await readHandler(layout))?.processes.length === 1);
  await next.end();
  equal(await urls(), undefined);
  deepEqual(failures, []);
});
