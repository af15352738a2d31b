import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { artifactName } from "#src/site/artifact-name.js";
import { entryPoint } from "#src/site/entry-point.js";
import { leftoverKind } from "#src/site/leftover.js";
import { KNOWN_TO_WATCHERS, NO_RELEASES, RELEASES, type DropCase } from "../rig/drops.js";
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
    taken[name] = found !== undefined && leftoverKind(name) === undefined;
  }
  await rm(target, { recursive: true });
  return taken;
}

const all = (cases: readonly DropCase[], taken: boolean): Record<string, boolean> =>
  Object.fromEntries(cases.map((each) => [topOf(each), taken]));

test("what an editor, an operating system or a copying program leaves can not be started, programs can", async (t) => {
  const none = [...NO_RELEASES, ...KNOWN_TO_WATCHERS];
  assert.deepEqual(await startable(t, none), all(none, false));
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
  assert.deepEqual(
    names.filter((name) => leftoverKind(name) !== undefined),
    [],
  );
  for (const name of ["app.aB3dEf", "site-0123456789.6eF0A1b2"]) assert.ok(leftoverKind(name), name);
});

test("what a deploy names <site>-<id> is a release, though the site is called as leftovers are; copies of it are none", () => {
  const sites = [...NO_RELEASES, ...KNOWN_TO_WATCHERS]
    .map((each) => topOf(each).replace(/\.[cm]?js$/, ""))
    .filter((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name));
  assert.ok(sites.length > 50);
  const builtAt = new Date("2024-01-31T12:00:00Z");
  const commit = "4be1a9c0de".padEnd(40, "0");
  const versions = [
    { commit, dirty: undefined },
    { commit, dirty: "1a2b3c" },
    { commit: undefined, dirty: undefined },
    { commit, dirty: undefined, deployment: "0f8fad5b-d9cb-469f-a165-70867728950e" },
  ];
  for (const site of sites) {
    for (const version of versions) {
      for (const extension of ["", ".mjs", ".exe"]) {
        const identity = { site, builtAt, extension, ...version };
        for (const revision of [1, 2]) {
          const name = artifactName(identity, revision);
          assert.equal(leftoverKind(name), undefined, name);
        }
        const name = artifactName(identity);
        for (const copy of [
          `${name}.bak`,
          `${name} - Copy`,
          `${name}.6eF0A1b2`,
          `${name} (1)`,
          `Copy of ${name}`,
        ])
          assert.ok(leftoverKind(copy), copy);
      }
    }
  }
});

test("what it is is told: a copy, a conflict copy, a backup", () => {
  assert.match(leftoverKind("app - Copy.js") ?? "", /copy .* file manager/);
  assert.match(leftoverKind("app (Anna conflicted copy 2024-01-31).js") ?? "", /conflict copy/);
  assert.match(leftoverKind("app.js.bak") ?? "", /backup/);
});
