// Mirrors the ASP.NET Core Module's own tests; the name of the one it mirrors stands before the colon.
import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import { constants, mkdir, open, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { readAppOffline } from "#src/platform/app-offline.js";
import { encodings } from "../rig/encodings.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { serveSite, type ServedSite } from "./site.js";

const answers = (site: ServedSite, status: number): Promise<Response> =>
  until(`an answer with ${status}`, async () => {
    const response = await fetch(site.url);
    return response.status === status && response;
  });

test("AppOfflineTestWithRenaming, AppOfflineTestWithUrlRewriteAndDeleting: the page is served while the file has the name, and the site comes back", async (t) => {
  const site = await serveSite(t);
  equal((await fetch(site.url)).status, 200);
  const aside = `${site.layout.appOffline}.txt`;
  await writeFile(aside, "<h1>back soon</h1>");
  for (let round = 1; round <= 2; round += 1) {
    const name = round === 1 ? site.layout.appOffline : join(site.layout.root, "App_Offline.htm");
    await rename(aside, name);
    const offline = await until("the site is offline", async () => {
      const response = await fetch(site.url);
      return response.status === 503 && response;
    });
    equal(await offline.text(), "<h1>back soon</h1>");
    match(offline.headers.get("content-type") ?? "", /^text\/html/);
    await site.nth("backend-exited", round);
    await rename(name, aside);
    await until("the site is back", async () => (await fetch(site.url)).status === 200);
  }
});

test("AppOfflineDroppedWhileSiteIsDown: a file that is there before the start is obeyed", async (t) => {
  const site = await serveSite(t, { offline: "away" });
  const response = await fetch(site.url);
  equal(response.status, 503);
  equal(await response.text(), "away");
  equal(site.count("backend-starting"), 0);
  await rm(site.layout.appOffline);
  await until("the site is up", async () => (await fetch(site.url)).status === 200);
});

test("the page is shown as it was written, in whatever encoding", async (t) => {
  const path = join(await temporaryFolder(t), "app_offline.htm");
  const pages: readonly (readonly [bytes: Buffer, page: string])[] = [
    ...encodings("<p>zurück in 5’").map(([, bytes]) => [bytes, "<p>zurück in 5’"] as const),
    [Buffer.from("<p>zur\xfcck in 5\x92", "latin1"), "<p>zurück in 5’"],
    [Buffer.from('<meta charset="koi8-r"><p>\xd0\xd1', "latin1"), '<meta charset="koi8-r"><p>пя'],
    [Buffer.from("<meta charset=unheard-of><p>\xfc", "latin1"), "<meta charset=unheard-of><p>ü"],
    [Buffer.from("\xfc", "latin1"), "ü"],
    [Buffer.from(""), ""],
    [Buffer.from(`${"x".repeat(1024 * 1024 - 1)}ü`), "x".repeat(1024 * 1024 - 1)],
  ];
  for (const [bytes, page] of pages) {
    await writeFile(path, bytes);
    equal((await readAppOffline(path))?.page, page);
  }
});

test("AppOfflineAddedAndRemovedStress: only 200 and 503 are ever answered", async (t) => {
  const site = await serveSite(t);
  let running = true;
  t.after(() => (running = false));
  const statuses = new Set<number>();
  const client = async (): Promise<void> => {
    while (running) statuses.add((await fetch(site.url)).status);
  };
  const clients = [client(), client(), client()];
  const answersWith = (status: number) =>
    until(`an answer with ${status}`, async () => (await fetch(site.url)).status === status);
  for (let round = 1; round <= 10; round += 1) {
    await writeFile(site.layout.appOffline, "x".repeat(round * 1000));
    if (round % 2 === 0) await answersWith(503);
    await rm(site.layout.appOffline);
    if (round % 2 === 0) await answersWith(200);
  }
  running = false;
  await Promise.all(clients);
  deepEqual(statuses, new Set([200, 503]));
});

test("LockedAppOfflineDroppedWhileSiteIsDown, and while it is up: one that cannot be read is there, with an empty page", async (t) => {
  let unlock = (): Promise<void> => Promise.resolve();
  const lock = async (path: string): Promise<void> => {
    unlock = await locked(path);
  };
  const site = await serveSite(t, { offline: lock });
  equal(await (await fetch(site.url)).text(), "");
  equal(site.count("backend-starting"), 0);
  await unlock();
  await answers(site, 200);
  await lock(site.layout.appOffline);
  equal(await (await answers(site, 503)).text(), "");
  await unlock();
});

/** UV_FS_O_EXLOCK, for which Node has no name: nobody else opens the file (https://docs.libuv.org/en/v1.x/fs.html). */
const EXCLUSIVE = 0x1000_0000;

/** A file that nobody else can open and read; elsewhere than on Windows only a folder is one, also to root. */
async function locked(path: string): Promise<() => Promise<void>> {
  if (process.platform !== "win32") {
    await mkdir(path);
    return () => rmdir(path);
  }
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | EXCLUSIVE);
  await file.writeFile("a page that nobody can read");
  return async () => {
    await file.close();
    await rm(path);
  };
}

test("V21_WebSocketAppOfflineTest: an open WebSocket is told, a new one is refused, and afterwards there are some again", async (t) => {
  const site = await serveSite(t);
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(site.url.replace("http", "ws"));
    await once(socket, "open");
    return socket;
  };
  const first = await open();
  const told = once(first, "close");
  await writeFile(site.layout.appOffline, "away");
  equal((await told)[0], 1001);
  const refused = new WebSocket(site.url.replace("http", "ws"));
  const [error] = (await once(refused, "error")) as [Error];
  match(error.message, /503/);
  await rm(site.layout.appOffline);
  await answers(site, 200);
  (await open()).close();
});
