import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { findSite } from "#src/cli/site-root.js";
import { loadConfig } from "#src/config/load.js";
import { siteFiles } from "#src/deploy/site-files.js";
import { FileWatch } from "#src/platform/file-watch.js";
import { readWebConfig } from "#src/platform/web-config/read.js";
import { siteLayout } from "#src/site/layout.js";
import { spelled } from "#src/site/windows-names.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

const WEB_CONFIG =
  '<configuration><system.webServer><httpPlatform processPath="node"/></system.webServer></configuration>';

test("web.config is found in any case: it is read, marks a site, and two of them are refused by their names", async (t) => {
  const { root, webConfig } = await temporarySite(t);
  assert.equal(spelled(webConfig), webConfig);
  assert.equal(spelled(join(root, "no", "folder")), join(root, "no", "folder"));
  for (const name of ["Web.config", "WEB.CONFIG", "web.Config", "web.config"]) {
    await writeFile(join(root, name), WEB_CONFIG);
    assert.equal((await readWebConfig(webConfig)).processPath, "node");
    const below = join(root, "below");
    await mkdir(below, { recursive: true });
    assert.equal(findSite([], { cwd: below, otherwise: below, mayBeNew: false }).root, root);
    if (name !== "web.config") await rm(join(root, name));
  }
  await writeFile(join(root, "Web.Config"), WEB_CONFIG);
  await assert.rejects(readWebConfig(webConfig), {
    code: "NAME_AMBIGUOUS",
    message: `${root} holds web.config and Web.Config, which are one file to IIS.`,
  });
});

test("a deploy puts no second web.config beside one in another case, and gives scripts the line ends that they need", async (t) => {
  const source = await temporaryFolder(t);
  const target = await temporaryFolder(t);
  const files = async (from: string, to: string): Promise<string[]> =>
    (await siteFiles(from, await loadConfig(from), siteLayout(to))).map(
      ({ path, content }) => `${path}${content === undefined ? "" : " mended"}`,
    );
  assert.deepEqual(await files(source, target), ["launch.cmd", "launch.sh", "web.config"]);
  await writeFile(join(target, "WEB.config"), WEB_CONFIG);
  assert.deepEqual(await files(source, target), ["launch.cmd", "launch.sh"]);
  await writeFile(join(source, "Web.config"), WEB_CONFIG);
  await writeFile(join(source, "inplace.config.json"), '{"files":["."]}');
  assert.deepEqual(await files(source, target), [
    "inplace.config.json",
    "launch.cmd",
    "launch.sh",
    "WEB.config",
  ]);
  await rm(join(target, "WEB.config"));
  assert.deepEqual((await files(source, target)).at(-1), "Web.config");
  await writeFile(join(source, "web.config"), WEB_CONFIG);
  await assert.rejects(files(source, target), { code: "NAME_AMBIGUOUS" });
  await rm(join(source, "web.config"));

  for (const name of ["launch.sh", "launch.cmd"]) {
    const text = await readFile(resolve(name), "latin1");
    const other = text.includes("\r\n") ? text.replaceAll("\r\n", "\n") : text.replaceAll("\n", "\r\n");
    await writeFile(join(source, name), other, "latin1");
    for (const folder of [source, target]) {
      const found = await siteFiles(source, await loadConfig(source), siteLayout(folder));
      assert.equal(found.find(({ path }) => path === name)?.content?.toString("latin1"), text, name);
    }
  }
});

test("a watched file is seen to come, to change and to go in any case", async (t) => {
  const { root, appOffline } = await temporarySite(t);
  let seen = 0;
  const watch = await FileWatch.of([appOffline]);
  watch.begin((path) => {
    assert.equal(path, appOffline);
    seen += 1;
    return Promise.resolve();
  });
  t.after(() => watch.close());
  const other = join(root, "App_Offline.htm");
  const steps = [
    () => writeFile(other, "1"),
    () => writeFile(other, "12"),
    () => rename(other, join(root, "later.htm")),
    () => rename(join(root, "later.htm"), join(root, "APP_OFFLINE.HTM")),
  ];
  for (const [index, step] of steps.entries()) {
    await step();
    await until(`step ${index + 1} is seen`, () => seen === index + 1);
  }
});
