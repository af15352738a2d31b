import assert from "node:assert/strict";
import { chownSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeArtifact, manifestPath, manifestText, type Manifest } from "#src/site/manifest.js";
import { CURRENT, HOSTILITIES, write } from "./hostile.js";
import { DROPS, NEEDS_ROOT, RUNS, World } from "./world.js";

test(
  "whatever other accounts write, the deployer runs, ends, removes and shows nothing of theirs",
  NEEDS_ROOT,
  async (t) => {
    const world = await World.create(t);
    assert.equal((await world.deploy("--sign", world.key)).code, "done");
    await world.release("two");
    const putBack = await world.keep();
    for (const { who, what, act, beside, verbs = [["deploy"]], codes } of HOSTILITIES) {
      await t.test(`${who === RUNS ? "who runs the site" : "who writes _target"}: ${what}`, async (t) => {
        await putBack(t);
        world.as(who, () => act(world));
        if (beside !== undefined) {
          world.beside(who, beside(world));
          await world.otherIsReady();
        }
        for (const [at, words] of verbs.entries()) {
          const verb = words.map((word) => (word === CURRENT ? world.current() : word));
          const ended = await (verb[0] === "deploy"
            ? world.deploy(...verb.slice(1), "--sign", world.key)
            : world.verb(...verb));
          await world.assertBoundaries(verb.join(" "));
          assert.equal(
            ended.code,
            codes === undefined ? "done" : codes[at],
            `${verb.join(" ")}: ${ended.output}`,
          );
        }
      });
    }
  },
);

/** Its owner puts folders of his own in the place of those that somebody works in. */
const races = (world: World, inside: string, put: string): string => `
  import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
  const ran = ${JSON.stringify(world.ran)};
  const folders = [".inplace/staging", ".inplace-deploy", "."].map((name) => ${JSON.stringify(`${world.layout.root}/`)} + name);
  const namesIn = (folder) => { try { return readdirSync(folder); } catch { return []; } };
  const swap = (folder, name) => {
    const build = folder + "/" + name;
    const found = namesIn(build + "/${inside}").find((each) => each.endsWith(".mjs") || each.endsWith(".json"));
    if (found === undefined) return;
    try {
      renameSync(build, folder + "/old-" + name);
      for (const each of ["", "/out", "/checkout"]) mkdirSync(build + each);
      ${put}
      writeFileSync(ran + "/swapped", "");
      process.exit();
    } catch {}
  };
  writeFileSync(ran + "/ready", "");
  for (;;) for (const folder of folders) for (const name of namesIn(folder)) if (name.startsWith("build-")) swap(folder, name);
`;

test(
  "who runs the site gets nothing built as the deployer by changing the checkout",
  NEEDS_ROOT,
  async (t) => {
    const world = await World.create(t);
    const first = await world.repository.git("rev-parse", "HEAD");
    await world.release("two");
    // It is given the time that it needs: git calls this once the files are there.
    world.waitAfterCheckout();
    const build = { builder: "command", command: [process.execPath, "build.mjs"], extension: ".mjs" };
    const config = JSON.stringify({ site: "shop", rollout: "recycle", build });
    const put = `
    writeFileSync(build + "/checkout/inplace.config.json", ${JSON.stringify(config)});
    writeFileSync(build + "/checkout/build.mjs", ${JSON.stringify(`${world.code(String(RUNS))}; writeFileSync(process.env.ARTIFACT, "x");`)});`;
    world.beside(RUNS, races(world, "checkout", put));
    await world.otherIsReady();
    assert.equal((await world.deploy("--commit", first, "--sign", world.key)).code, "done");
    await world.assertBoundaries("a deploy with a checkout");
  },
);

test("who runs the site gets nothing signed by changing what was built", NEEDS_ROOT, async (t) => {
  const world = await World.create(t);
  const put = `writeFileSync(build + "/out/" + found, ${JSON.stringify(world.code(String(RUNS)))});`;
  world.beside(RUNS, races(world, "out", put));
  await world.otherIsReady();
  assert.equal((await world.deploy("--sign", world.key)).code, "done");
  await world.assertBoundaries("a deploy that signs");
});

test(
  "what is there already is not signed on the word of those who can write its manifest",
  NEEDS_ROOT,
  async (t) => {
    const world = await World.create(t);
    assert.equal((await world.deploy()).code, "done");
    const artifact = world.current();
    const path = join(world.layout.target, artifact);
    world.as(DROPS, () => write(path, world.code(String(DROPS))));
    const manifest = JSON.parse(readFileSync(manifestPath(world.layout, artifact), "utf8")) as Manifest;
    const changed = manifestText({ ...manifest, ...(await describeArtifact(path)) });
    world.as(RUNS, () => {
      renameSync(world.layout.manifests, `${world.layout.manifests}.old`);
      mkdirSync(world.layout.manifests);
      writeFileSync(manifestPath(world.layout, artifact), changed);
    });
    assert.equal((await world.deploy("--sign", world.key)).code, "done");
    await world.assertBoundaries("a deploy that finds it built");
  },
);

for (const [what, plant] of [
  ["a folder of another account", (path: string): unknown => (mkdirSync(path), chownSync(path, RUNS, RUNS))],
  ["a folder that others may write", (path: string): unknown => mkdirSync(path, { mode: 0o777 })],
] as const) {
  test(`${what} in the place of the deployer's is refused, with what to do`, NEEDS_ROOT, async (t) => {
    const world = await World.create(t);
    const umask = process.umask(0);
    plant(join(world.layout.root, ".inplace-deploy"));
    process.umask(umask);
    const { code, output } = await world.deploy();
    assert.equal(code, "DEPLOY_FOLDER_UNSAFE", output);
    assert.match(output, /\.inplace-deploy/);
  });
}
