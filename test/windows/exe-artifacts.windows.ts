import assert from "node:assert/strict";
import { access, copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.ts";
import { startLoad } from "../rig/load.ts";
import { pageOf } from "../rig/page.ts";
import { until } from "../rig/until.ts";
import { posixPath, windowsMachine } from "../rig/windows.ts";
import { commitId, VERSION, windowsSite } from "./windows-site.ts";

const windows = await windowsMachine();

test("an .exe with the app inside is locked while it runs; another beside it, or in its place, goes live", async (t) => {
  const site = await windowsSite(t, windows);
  await site.deploy(commitId(1));
  const program = await site.executable(t);
  const old = `shop-${version(2)}.exe`;
  await writeFile(join(site.layout.target, old), program);
  const served = await site.serve(t);
  await until("the .exe answers", async () => (await pageOf(site.port)).includes("release 1"), 60_000);
  assert.match(await pageOf(site.port), /0000000002<\/code> release 1/);
  await windows.run(`del "_target\\${old}" & copy /y web.config "_target\\${old}"`, {
    cwd: site.layout.root,
  });
  const { size } = await stat(join(site.layout.target, old));
  assert.equal(size, program.length, "neither removed nor overwritten: Windows has it locked");

  const streams = [{ name: "keep-alive", perSecond: 20, connections: 10 }];
  const load = await startLoad({ port: site.port, streams, version: VERSION });
  await load.until(({ done }) => done > 20, "the load is under way");
  const next = `shop-${version(3)}.exe`;
  await windows.run(`copy /y "_target\\${old}" "_target\\${next}"`, { cwd: site.layout.root });
  await load.until((now) => now.version === version(3), "the drop answers", 60_000);
  // A running .exe may be renamed, and then another may have its name.
  await writeFile(join(site.layout.root, "other.exe"), released(program, 2));
  const renamed = `ren "_target\\${next}" "${next}.tmp" && move other.exe "_target\\${next}"`;
  assert.equal((await windows.run(renamed, { cwd: site.layout.root })).code, 0);
  await until("its replacement answers", async () => (await pageOf(site.port)).includes("release 2"), 60_000);
  assertNoneFailed(await load.stop());
  assert.match(await readFile(site.layout.pointer, "utf8"), new RegExp(next));
  const history = await readFile(site.layout.history, "utf8");
  assert.equal(history.split(`"event":"adopted","artifact":"${next}"`).length, 3, "adopted twice");
  assert.doesNotMatch(await served.stdout(), /ended with code [^0]/);
});

/** The same program with another release in its page. */
function released(program: Buffer, release: number): Buffer {
  const other = Buffer.from(program);
  other.write(`release ${release}`, other.indexOf("release 1"));
  return other;
}

test("prune leaves an .exe that still runs, says so, and removes it the next time", async (t) => {
  const site = await windowsSite(t, windows);
  await site.write(".exe");
  for (const number of [1, 2, 3]) await site.deploy(commitId(number));
  const locked = `shop-${version(1)}.exe`;
  const path = join(site.layout.target, locked);
  await copyFile(posixPath(windows.node), path);
  await writeFile(
    join(site.layout.root, "stay.cjs"),
    "require('fs').writeFileSync('up', ''); setInterval(() => require('fs').existsSync('down') && process.exit(), 50)",
  );
  const running = await windows.start(`"_target\\${locked}" stay.cjs`, { cwd: site.layout.root });
  await until("the program runs", () =>
    access(join(site.layout.root, "up")).then(
      () => true,
      () => false,
    ),
  );

  const first = await site.inplace("--json prune --keep 1");
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual((JSON.parse(first.stdout) as { locked: string[] }).locked, [locked]);
  await access(path);
  await writeFile(join(site.layout.root, "down"), "");
  assert.equal((await running.ended()).code, 0);
  const second = await site.inplace("--json prune --keep 1");
  assert.deepEqual((JSON.parse(second.stdout) as { removed: string[] }).removed, [locked]);
});

function version(number: number): string {
  return commitId(number).slice(0, 10);
}
