import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { entryPoint } from "#src/site/entry-point.js";
import { isLeftover } from "#src/site/leftover.js";
import { NO_RELEASES, RELEASES, type DropCase } from "../rig/drops.js";
import { temporarySite } from "../rig/temporary-site.js";

const topOf = ({ name }: DropCase): string => name.split("/")[0] ?? "";

/** Whether each is taken, all in one folder; the same name twice is one artifact. */
async function startable(t: TestContext, cases: readonly DropCase[]): Promise<Record<string, boolean>> {
  const { target } = await temporarySite(t);
  for (const { name, content } of cases) {
    await mkdir(dirname(join(target, name)), { recursive: true });
    await writeFile(join(target, name), content);
  }
  const taken: Record<string, boolean> = {};
  for (const name of cases.map(topOf)) {
    const found = await entryPoint(join(target, name)).catch(() => undefined);
    taken[name] = found !== undefined && !isLeftover(name);
  }
  await rm(target, { recursive: true });
  return taken;
}

const all = (cases: readonly DropCase[], taken: boolean): Record<string, boolean> =>
  Object.fromEntries(cases.map((each) => [topOf(each), taken]));

test("what an editor, an operating system or a copying program leaves can not be started, programs can", async (t) => {
  assert.deepEqual(await startable(t, NO_RELEASES), all(NO_RELEASES, false));
  assert.deepEqual(await startable(t, RELEASES), all(RELEASES, true));
});

test("words, versions and processors after a dot are no name at random, and what a copying program appends is", () => {
  const names = [
    "Shop.WebApi",
    "Contoso.Portal",
    "app.20240131",
    "app.mips64el",
    "app.alpine3",
    "shop.FRONT",
  ];
  assert.deepEqual(names.filter(isLeftover), []);
  const leftovers = [
    "app.aB3dEf",
    "site-0123456789.6eF0A1b2",
    "app copy 2.js",
    "Neuer Ordner (2)",
    "app - Kopie.mjs",
  ];
  assert.deepEqual(
    leftovers.filter((name) => !isLeftover(name)),
    [],
  );
});
