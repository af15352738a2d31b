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

test("an .exe copied into _target goes live while the old .exe runs and is locked; no request fails", async (t) => {
  const site = await windowsSite(t, windows);
  await site.deploy(commitId(1));
  await site.writeExecutableServer();
  const drop = async (number: number): Promise<string> => {
    const name = `shop-${version(number)}.exe`;
    const copied = await windows.run(`copy /y "${windows.node}" "_target\\${name}"`, {
      cwd: site.layout.root,
    });
    assert.equal(copied.code, 0, copied.stderr);
    return name;
  };
  const old = await drop(2);
  const served = await site.serve(t);
  await until("the first .exe answers", async () => (await pageOf(site.port)).includes(version(2)), 60_000);
  await windows.run(`del "_target\\${old}" & copy /y web.config "_target\\${old}"`, {
    cwd: site.layout.root,
  });
  const { size } = await stat(join(site.layout.target, old));
  assert.ok(size > 1_000_000, "neither removed nor overwritten: Windows has it locked");

  const streams = [{ name: "keep-alive", perSecond: 20, connections: 10 }];
  const load = await startLoad({ port: site.port, streams, version: VERSION });
  await load.until(({ done }) => done > 20, "the load is under way");
  const next = await drop(3);
  await load.until((now) => now.version === version(3), "the drop answers", 60_000);
  const samples = await load.stop();

  assertNoneFailed(samples);
  assert.match(await readFile(site.layout.pointer, "utf8"), new RegExp(next));
  const history = await readFile(site.layout.history, "utf8");
  for (const name of [old, next]) assert.match(history, new RegExp(`"event":"adopted","artifact":"${name}"`));
  assert.doesNotMatch(await served.stdout(), /ended with code [^0]/);
});

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
