import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startSlot, stopSlot, type StartOrder } from "#src/fronts/haproxy/slot.js";
import { alive } from "../rig/alive.js";
import { freePort } from "../rig/free-port.js";
import { temporarySite } from "../rig/temporary-site.js";

/** As if its keeper stood still: the record of it is away when it begins to answer, and comes after a second. */
const ANSWERS_EARLY = `
import { existsSync, renameSync } from "node:fs";
import { createServer } from "node:http";
const record = ".inplace/haproxy/slot-1.json";
const server = createServer((request, response) => response.end("up"));
const looking = setInterval(() => {
  if (!existsSync(record)) return;
  clearInterval(looking);
  renameSync(record, record + ".aside");
  server.listen(process.env.PORT, "127.0.0.1", () => {
    setTimeout(() => renameSync(record + ".aside", record), 1000);
  });
}, 5);
`;

test("an artifact that answers before its keeper has recorded it is waited for, and no failure", async (t) => {
  // Before the site is made, since what is to be done after a test is done in this order.
  let stop = async (): Promise<unknown> => undefined;
  t.after(() => stop());
  const layout = await temporarySite(t);
  stop = () => stopSlot(layout, 1, 0);
  await writeFile(join(layout.target, "app.mjs"), ANSWERS_EARLY);
  const port = await freePort();
  const order: StartOrder = {
    slot: 1,
    artifact: "app.mjs",
    port,
    health: { address: "127.0.0.1", port, path: "/", timeoutMs: 5_000 },
    startMs: 20_000,
    drainMs: 5_000,
  };
  const { pid, artifact } = await startSlot(layout, order);
  assert.equal(artifact, "app.mjs");
  assert.equal(alive(pid), true);
  assert.equal(await stopSlot(layout, 1, 5_000), true);
  assert.equal(alive(pid), false);
});
