import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { KNOWN_TO_WATCHERS, NO_RELEASES, TEMPORARY } from "../rig/drops.js";
import { drop } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { watchedSite } from "./watched-site.js";

test("what is no program is refused, said once, and neither moves the pointer nor marks anything", async (t) => {
  const site = await watchedSite(t, { stillMs: 0 });
  const { layout, watcher } = site;
  const before = await readFile(layout.pointer, "utf8");
  for (const name of TEMPORARY) await drop(layout, name);
  const none = [...NO_RELEASES, ...KNOWN_TO_WATCHERS];
  for (const { name, content } of none) {
    await mkdir(dirname(join(layout.target, name)), { recursive: true });
    await writeFile(join(layout.target, name), content);
  }
  const names = new Set(none.map(({ name }) => name.split("/")[0] ?? ""));
  const refused = (): string[] =>
    site.events.flatMap((event) => (event.type === "drop-refused" ? [event.name] : []));
  await until("all are refused", async () => {
    await watcher.check();
    return new Set(refused()).size === names.size;
  });
  for (let look = 0; look < 3; look++) await watcher.check();
  assert.deepEqual(refused().sort(), [...names].sort());
  assert.deepEqual(site.told(), []);
  assert.equal(await readFile(layout.pointer, "utf8"), before);
  assert.equal(existsSync(layout.failed), false);
  await drop(layout, "site-2", "#!/bin/sh\n");
  await site.tells("site-2");
});
