import assert from "node:assert/strict";
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { siteLayout } from "#src/site/layout.js";
import { freePort } from "../rig/free-port.ts";
import { PROJECT, Repository } from "../rig/project.ts";
import { startProgram } from "../rig/program.ts";
import { inplace } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";

/** A copy of an example as somebody would take it: a repository of its own, with its site in place. */
async function deployedExample(t: TestContext, name: string) {
  const folder = join(await temporaryFolder(t), name);
  const written = ["_target", "_artifact.txt", ".inplace", ".inplace-deploy", "launch.cmd", "launch.sh"];
  await cp(join(PROJECT, "examples", name), folder, {
    recursive: true,
    filter: (path) => !written.some((part) => path.endsWith(part)),
  });
  const repository = new Repository(folder);
  await repository.git("init", "--quiet", "--initial-branch=main");
  const commit = await repository.commit("one");
  const { code, stderr } = await inplace(t, ["deploy"], { cwd: folder });
  assert.equal(code, 0, stderr);
  return { folder, commit, layout: siteLayout(folder) };
}

/** The site by its launcher, as a platform handler starts it. */
async function launched(t: TestContext, folder: string): Promise<(path: string) => Promise<Response>> {
  const port = await freePort();
  startProgram(t, "sh", ["launch.sh"], { cwd: folder, env: { HTTP_PLATFORM_PORT: String(port) } });
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  await until("the site answers", () =>
    get("/").then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return get;
}

test("examples/hello deploys as it stands and shows its commit", async (t) => {
  const { folder, commit } = await deployedExample(t, "hello");
  const get = await launched(t, folder);
  const page = await (await get("/")).text();
  assert.match(page, new RegExp(`Commit <code>${commit}</code>, artifact <code>hello-${commit}.mjs</code>`));
});

test("examples/static serves its pages out of one artifact, and nothing besides", async (t) => {
  const { folder, commit, layout } = await deployedExample(t, "static");
  assert.deepEqual(await readdir(layout.target), [`blog-${commit}`]);
  const get = await launched(t, folder);
  assert.match(await (await get("/")).text(), /A small blog/);
  assert.match(await (await get("/posts/first.html")).text(), /The first post/);
  assert.equal((await get("/style.css")).headers.get("content-type"), "text/css");
  for (const path of ["/missing.html", "/..%2findex.mjs", "/%2e%2e/index.mjs", "/posts", "/%00", "/%"]) {
    assert.equal((await get(path)).status, 404, path);
  }
});
