import { equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fetch } from "./fetch.js";
import { serveSite } from "./site.js";

/** INPLACE_SWAPS=1000 for the long run; its time limit is the test runner's. */
const SWAPS = Number(process.env["INPLACE_SWAPS"] ?? 25);
const WARM_UP = 10;
const SHOWN: ReadonlySet<number> = new Set([WARM_UP, 100, 500, SWAPS]);
const HEAP_GROWTH_BYTES = 8 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Holdings {
  readonly resident: number;
  readonly heap: number;
  readonly handles: number;
  readonly descriptors: number;
  readonly children: number;
}

test(`${SWAPS} swaps in a row leave memory, handles, descriptors and the number of children where they were`, async (t) => {
  const site = await serveSite(t);
  // Nothing of the client's may stay open, or it would be counted.
  const get = async (path: string): Promise<number> => {
    const response = await fetch(`${site.url}${path}`, { headers: { Connection: "close" } });
    await response.arrayBuffer();
    return response.status;
  };
  let before: Holdings | undefined;
  for (let n = 1; n <= SWAPS; n += 1) {
    equal(await get("/drain"), 200);
    await site.nth("backend-exited", n);
    equal(await get("/"), 200);
    if (n === WARM_UP) before = holdings();
    if (SHOWN.has(n)) t.diagnostic(`${n} swaps: ${JSON.stringify(holdings())}`);
  }
  const after = holdings();
  ok(before !== undefined);
  ok(after.heap - before.heap < HEAP_GROWTH_BYTES, `${after.heap - before.heap} bytes more`);
  ok(after.handles <= before.handles + 2, `${before.handles} handles became ${after.handles}`);
  ok(
    after.descriptors <= before.descriptors + 2,
    `${before.descriptors} descriptors became ${after.descriptors}`,
  );
  equal(after.children, before.children);
  equal(site.count("backend-exited"), SWAPS);
});

function holdings(): Holdings {
  collectGarbage();
  return {
    resident: process.memoryUsage().rss,
    heap: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().length,
    descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    children: process.platform === "win32" ? 0 : childCount(),
  };
}

function childCount(): number {
  const table = execFileSync("ps", ["-A", "-o", "ppid="], { encoding: "utf8" });
  return table.split("\n").filter((line) => Number(line) === process.pid).length;
}
