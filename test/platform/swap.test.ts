import { deepEqual, equal, notEqual } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { startLoad } from "../rig/load.js";
import { fetch } from "./fetch.js";
import { serveSite, type ServedSite } from "./site.js";

const SWAPS = 6;

async function swap(site: ServedSite, n: number): Promise<void> {
  equal((await fetch(`${site.url}/drain`)).status, 200);
  await site.nth("backend-exited", n);
  await site.nth("backend-ready", n + 1);
}

test("swaps lose no request: keep-alive, one connection each, and POST in two halves", async (t) => {
  const site = await serveSite(t);
  const load = await startLoad({
    port: site.handler.port,
    version: "pid (\\d+)",
    streams: [
      { name: "keep-alive", perSecond: 100, connections: 8 },
      { name: "fresh", perSecond: 60, connections: "fresh" },
      {
        name: "post",
        perSecond: 100,
        connections: 8,
        halvesApartMs: 15,
        expect: "first half; second half\\.",
      },
      { name: "post fresh", perSecond: 20, connections: "fresh", halvesApartMs: 5, expect: "second half\\." },
    ],
  });
  for (let n = 1; n <= SWAPS; n += 1) {
    const { done } = load.progress;
    await load.until((progress) => progress.done > done + 100, "100 more responses");
    await swap(site, n);
  }
  const samples = await load.stop();
  const failed = samples.filter(({ failure }) => failure !== undefined);
  t.diagnostic(`${samples.length} requests, ${failed.length} failed`);
  deepEqual(failed.slice(0, 5), []);
  equal(new Set(samples.map(({ version }) => version)).size, SWAPS + 1);
});

test("a WebSocket goes through, is told of the swap, and the next one reaches the new process", async (t) => {
  const site = await serveSite(t);
  const echoed = async (text: string): Promise<WebSocket> => {
    const socket = new WebSocket(site.url.replace("http", "ws"));
    await once(socket, "open");
    socket.send(text);
    equal(String((await once(socket, "message"))[0]), text);
    return socket;
  };
  const first = await echoed("before");
  const before = (await fetch(site.url)).headers.get("x-pid");
  const closed = once(first, "close");
  const drained = fetch(`${site.url}/drain`);
  equal((await closed)[0], 1001);
  equal((await drained).status, 200);
  const second = await echoed("after");
  second.close();
  notEqual((await fetch(site.url)).headers.get("x-pid"), before);
});
