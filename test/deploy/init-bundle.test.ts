import assert from "node:assert/strict";
import { test } from "node:test";
import { inferBuild } from "#src/deploy/infer/infer.js";
import { sourceRepository, type Files } from "../rig/source.ts";

const STRIPS_TYPES = "typescript" in process.features && process.features.typescript !== false;

test("a bundle is to be tried where nothing speaks against it, and what speaks against one is said", async (t) => {
  const app = (text: string): Files => ({
    "package.json": { scripts: { start: "node server.js" }, dependencies: { fastify: "5" } },
    "server.js": `require("./lib/start");`,
    "lib/start.js": text,
  });
  const sound = await sourceRepository(t, app("fastify().listen(1)"));
  assert.deepEqual((await inferBuild(sound.folder)).bundle?.build, { builder: "entry", entry: "server.js" });
  const reads = await sourceRepository(t, app("express.static('public')"));
  const proposal = await inferBuild(reads.folder);
  assert.equal(proposal.bundle, undefined);
  assert.match(proposal.reasons.join("\n"), /no bundle: lib.start\.js says express\.static/);
});

test("TypeScript that a start script names runs as it is where Node can, and is bundled elsewhere", async (t) => {
  const { folder } = await sourceRepository(t, {
    "package.json": { scripts: { start: "node src/server.ts" }, dependencies: { "@fastify/static": "8" } },
    "src/server.ts": "",
  });
  const { build } = await inferBuild(folder);
  assert.equal(build.builder, STRIPS_TYPES ? "directory" : "entry");
});
