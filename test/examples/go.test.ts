import assert from "node:assert/strict";
import { copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readLastGood } from "#src/site/health-marks.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { freePort } from "../rig/free-port.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { pageOf } from "../rig/page.js";
import { fetchText, launch } from "../runtime/launched-site.js";
import { runProgram, startProgram } from "../rig/program.js";
import { PROJECT, Repository } from "../rig/project.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 60, connections: 8 },
  { name: "connection per request", perSecond: 40, connections: "fresh" },
];
const REQUESTS_BETWEEN = 150;

/** The example in a repository of its own, and a site to deploy it to. */
async function goSite(
  t: TestContext,
  config?: object,
): Promise<{ repository: Repository; layout: SiteLayout }> {
  const repository = new Repository(join(await temporaryFolder(t), "repository"));
  await cp(join(PROJECT, "examples", "go"), repository.folder, { recursive: true });
  if (config !== undefined) {
    const file = join(repository.folder, "inplace.config.json");
    const own = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...own, ...config }));
  }
  await repository.git("init", "--quiet");
  const layout = siteLayout(join(await temporaryFolder(t), "site"));
  await mkdir(layout.root);
  await copyFile(join(PROJECT, "launch.sh"), join(layout.root, "launch.sh"));
  return { repository, layout };
}

async function deploy(t: TestContext, repository: Repository, layout: SiteLayout): Promise<string> {
  await repository.git("add", "-A");
  await repository.git("commit", "--quiet", "-m", "a release");
  const args = [join(PROJECT, "bin", "inplace.js"), "--site-root", layout.root, "deploy"];
  const { code, stderr } = await runProgram(t, process.execPath, args, { cwd: repository.folder });
  assert.equal(code, 0, stderr);
  const pointer = await readPointer(layout);
  assert.equal(pointer.state, "names");
  return pointer.state === "names" ? pointer.artifact : "";
}

test("the Go example is built, deployed, drains for the next deploy and for a manual drop, and exits with 0", async (t) => {
  const { repository, layout } = await goSite(t, { rollout: "recycle" });
  const first = await deploy(t, repository, layout);
  assert.match(first, /^hello-go-[0-9a-f]{10}(\.exe)?$/);
  const running = launch(t, layout, [], { PORT: "0" });
  const port = await running.port();
  assert.equal(await fetchText(port), `Hello from Go, artifact ${first}\n`);
  assert.equal(await readLastGood(layout), first);

  const slow = get({ host: "127.0.0.1", port, path: "/slow" });
  const answered = once(slow, "response") as Promise<[{ statusCode: number; resume(): void }]>;
  await fetchText(port);
  const source = await readFile(join(repository.folder, "main.go"), "utf8");
  await writeFile(join(repository.folder, "main.go"), source.replace("Hello from Go", "Hello again from Go"));
  const second = await deploy(t, repository, layout);
  const [response] = await answered;
  response.resume();
  assert.equal(response.statusCode, 200);
  assert.equal(await running.exited, 0);
  assert.match(running.stderr(), new RegExp(`${second} is to take over`));

  const next = launch(t, layout, [], { PORT: "0" });
  assert.equal(await fetchText(await next.port()), `Hello again from Go, artifact ${second}\n`);
  const refused = ["shop.zip", "README.txt", "Thumbs.db", "hello - Copy", "app.mjs.lock"];
  for (const name of refused) await writeFile(join(layout.target, name), "no program\n");
  await until("all are refused", () => refused.every((name) => next.stderr().includes(JSON.stringify(name))));
  assert.equal(next.process.exitCode, null, "it runs on");
  await copyFile(join(layout.target, first), join(layout.target, "by hand"));
  assert.equal(await next.exited, 0);
  const last = launch(t, layout, [], { PORT: "0" });
  assert.equal(await fetchText(await last.port()), "Hello from Go, artifact by hand\n");
  await until("last-good", async () => (await readLastGood(layout)) === "by hand");
});

test("by default the Go example is handed over: releases follow one another under load, and no request is lost", async (t) => {
  const { repository, layout } = await goSite(t);
  const first = await deploy(t, repository, layout);
  const port = await freePort();
  const env = { HTTP_PLATFORM_PORT: String(port) };
  const served = startProgram(t, "sh", ["launch.sh"], { cwd: layout.root, env });
  await until("the first release answers", async () => (await pageOf(port)).includes(first));
  const load = await startLoad({ port, streams: STREAMS, version: "artifact (\\S+)" });
  const main = join(repository.folder, "main.go");
  for (const greeting of ["Hello again", "Good bye"]) {
    const source = await readFile(main, "utf8");
    await writeFile(main, source.replace(/[A-Z][a-z]+( [a-z]+)? from Go/, `${greeting} from Go`));
    const next = await deploy(t, repository, layout);
    await load.until(({ version }) => version === next, `${next} answers`);
    const { done } = load.progress;
    await load.until((progress) => progress.done > done + REQUESTS_BETWEEN, "requests go on");
  }
  assertNoneFailed(await load.stop());
  assert.doesNotMatch(served.output, /is to take over|ended/, "the supervisor tells it when to drain");
  assert.equal((await served.interrupt()).code, 0, served.output);
});

test("a signal drains the Go example as well", async (t) => {
  const { repository, layout } = await goSite(t, { rollout: "recycle" });
  await deploy(t, repository, layout);
  const running = launch(t, layout, [], { PORT: "0" });
  await running.port();
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 0);
});
