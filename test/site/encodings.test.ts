import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { loadConfig, packageName } from "#src/config/load.js";
import { readPackage } from "#src/deploy/workspace.js";
import { readSites } from "#src/platform/sites/site-list.js";
import { readWebConfig } from "#src/platform/web-config/read.js";
import { entryPoint } from "#src/site/entry-point.js";
import { readHandover } from "#src/site/handover.js";
import { readPointer } from "#src/site/pointer.js";
import { tolerantConfig } from "#src/site/site-config.js";
import { encodings } from "../rig/encodings.js";
import { drop, temporarySite } from "../rig/temporary-site.js";

const WEB_CONFIG =
  '<?xml version="1.0"?><configuration><system.webServer><httpPlatform processPath="ü.exe"/></system.webServer></configuration>';

test("what a person writes is read in every encoding that editors and shells leave", async (t) => {
  const layout = await temporarySite(t);
  const { root } = layout;
  const folder = join(layout.target, "folder");
  await mkdir(join(folder, "bin"), { recursive: true });
  await writeFile(join(folder, "bin", "grün.mjs"), "");
  await mkdir(dirname(layout.handover), { recursive: true });
  await drop(layout, "grün.mjs");
  const files: readonly (readonly [name: string, text: string, read: () => unknown, found: unknown])[] = [
    [
      "_artifact.txt",
      '"_target\\grün.mjs"\r\n',
      () => readPointer(layout),
      { state: "names", artifact: "grün.mjs", path: join(layout.target, "grün.mjs") },
    ],
    [
      "_target/folder/_entry.txt",
      "bin\\grün.mjs\r\n",
      () => entryPoint(folder),
      join(folder, "bin", "grün.mjs"),
    ],
    ["inplace.config.json", '{"site":"shop"}\r\n', async () => (await loadConfig(root)).site, "shop"],
    ["inplace.config.json", '{"drain":{}}', () => tolerantConfig(root), { drain: {} }],
    ["package.json", '{"name":"@x/shop"}', () => packageName(root), "shop"],
    ["package.json", '{"inplace":{"drain":{}}}', () => tolerantConfig(root), { drain: {} }],
    ["package.json", '{"name":"shop"}', () => readPackage(root), { name: "shop" }],
    ["web.config", WEB_CONFIG, async () => (await readWebConfig(layout.webConfig)).processPath, "ü.exe"],
    [".inplace/handover.json", '{"grün":1}', () => readHandover(layout), '{"grün":1}'],
    [
      "sites.json",
      '{"sites":[{"host":"a.example","root":".\\\\grün"}]}',
      async () => (await readSites(join(root, "sites.json")))[0]?.root,
      join(root, "grün"),
    ],
  ];
  for (const [name, text, read, found] of files) {
    const path = join(root, name);
    for (const [encoding, bytes] of encodings(text)) {
      await writeFile(path, bytes);
      assert.deepEqual(await read(), found, `${name} in ${encoding}`);
    }
    await rm(path);
  }
});
