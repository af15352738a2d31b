import { deepEqual } from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { FileWatch } from "#src/platform/file-watch.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

test("no change is lost: before the watch begins, while a change is being handled, and of a file that is named later", async (t) => {
  const folder = await temporaryFolder(t);
  const [config, offline, other] = [join(folder, "config"), join(folder, "offline"), join(folder, "other")];
  await writeFile(config, "1");
  const watch = await FileWatch.of([config, offline]);
  t.after(() => watch.close());
  await writeFile(config, "22");
  const told: string[] = [];
  watch.begin(async (path) => {
    told.push(path);
    if (told.length === 1) {
      await watch.also([other]);
      await writeFile(config, "333");
    }
    if (told.length === 2) await writeFile(other, "new");
    if (told.length === 3) await watch.also([]);
  });
  await until("three changes", () => told.length === 3);
  await rm(other);
  await writeFile(offline, "away");
  await until("four changes", () => told.length === 4);
  deepEqual(told, [config, config, other, offline]);
});
