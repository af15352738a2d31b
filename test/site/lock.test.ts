import assert from "node:assert/strict";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { fork, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { readHistory } from "#src/site/history.js";
import {
  acquireLock,
  LOCK_BEAT_MS,
  LOCK_STALE_MS,
  lockOwner,
  unlock,
  type HeldLock,
} from "#src/site/lock.js";
import { matchesManifest, readManifest } from "#src/site/manifest.js";
import { readPointer } from "#src/site/pointer.js";
import { writeFiles } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import type { Round, RoundResult } from "./contender.ts";

// Wine takes a second for a round.
const ROUNDS = process.platform === "win32" ? 6 : 200;

// Most of them wait for seconds.
describe("deploy lock", { concurrency: true }, () => {
  it("is held by one; the other is told by whom, and gets it after the release", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    await assert.rejects(acquireLock(layout), {
      code: "LOCK_HELD",
      message: new RegExp(`pid ${process.pid} on `),
    });
    await held.release();
    await (await acquireLock(layout)).release();
  });

  it("is waited for as long as asked", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    const waiting = acquireLock(layout, { waitMs: 10_000, onWait: () => void held.release() });
    await (await waiting).release();
    assert.deepEqual(await readdir(layout.waiting), []);
  });

  it("is waited for no longer once the signal aborts", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    const abort = new AbortController();
    const { signal } = abort;
    const onWait = (): void => abort.abort(new Error("interrupted by a test"));
    await assert.rejects(acquireLock(layout, { waitMs: 60_000, signal, onWait }), /interrupted by a test/);
    await held.release();
    assert.deepEqual(await readdir(layout.waiting), []);
  });

  it("goes to the newest of those who wait; the older ones are told that they are superseded", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    const first = startWaiting(layout);
    await first.waits;
    const second = startWaiting(layout);
    await assert.rejects(first.lock, { code: "LOCK_SUPERSEDED" });
    await second.waits;
    const third = startWaiting(layout);
    await assert.rejects(second.lock, { code: "LOCK_SUPERSEDED" });
    await held.release();
    await (await third.lock).release();
  });

  it("is not lost to a newer waiting deploy that died", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    const older = startWaiting(layout);
    await older.waits;
    await mkdir(layout.waiting, { recursive: true });
    await writeFile(join(layout.waiting, "999999998-000000"), deadOwner());
    await until("the dead one's ticket is removed", async () => (await readdir(layout.waiting)).length === 1);
    await held.release();
    await (await older.lock).release();
  });

  it("is taken over from a process that died, by exactly one of many", async (t) => {
    const layout = await temporarySite(t);
    const pid = endedProcess();
    for (let round = 0; round < 50; round++) {
      await leaveBehind(layout, ownedBy(pid, `dead-${round}`));
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(layout)));
      const won = tries.filter((one) => one.status === "fulfilled");
      assert.equal(won.length, 1, `round ${round}`);
      await won[0]?.value.release();
    }
    assert.deepEqual(await readdir(dirname(layout.lock)), []);
  });

  it("is not taken from an owner on another host that still gives signs of life", async (t) => {
    const layout = await temporarySite(t);
    await leaveBehind(layout, deadOwner("another-host"));
    await assert.rejects(acquireLock(layout), { code: "LOCK_HELD", message: /another-host/ });
  });

  it("is taken over from an owner on another host that fell silent", async (t) => {
    const layout = await temporarySite(t);
    await leaveBehind(layout, deadOwner("another-host"));
    await silentSince(layout, LOCK_STALE_MS * 2);
    assert.equal(await lockOwner(layout), undefined);
    await (await acquireLock(layout)).release();
  });

  it("stays with an owner who lives although a clock jumped: one sign of life is enough", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    await silentSince(layout, 3_600_000);
    await assert.rejects(acquireLock(layout), { code: "LOCK_HELD" });
    await held.confirm();
    await held.release();
  });

  it("shows a sign of life every two seconds", async (t) => {
    const layout = await temporarySite(t);
    const held = await acquireLock(layout);
    await silentSince(layout, 3_600_000);
    await until("the owner beats", async () => (await lockOwner(layout)) !== undefined, LOCK_BEAT_MS * 5);
    await held.release();
  });

  it("is unlocked by force only while its owner lives, who then notices and removes nobody else's", async (t) => {
    const layout = await temporarySite(t);
    assert.equal(await unlock(layout, false), undefined);
    const held = await acquireLock(layout);
    await assert.rejects(unlock(layout, false), { code: "LOCK_HELD" });
    assert.equal((await unlock(layout, true))?.pid, process.pid);
    await assert.rejects(held.confirm(), { code: "LOCK_LOST" });
    const next = await acquireLock(layout);
    await held.release();
    await next.confirm();
    await next.release();
    await leaveBehind(layout, deadOwner());
    assert.equal((await unlock(layout, false))?.owner, "somebody");
    assert.deepEqual(await readdir(dirname(layout.lock)), []);
  });

  it("lets deploys of one instant publish one at a time, round after round, in processes of their own", async (t) => {
    const layout = await temporarySite(t);
    const rivals = await Promise.all([contender(t), contender(t)]);
    let total = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const waitMs = round % 4 === 0 ? 20_000 : 0;
      const at = Date.now() + 2;
      const results = await Promise.all(
        rivals.map(({ child, source }, index) => {
          const commit = String(2 * round + index)
            .padStart(10, "0")
            .padEnd(40, "0");
          return play(child, { site: layout.root, source, commit, waitMs, at });
        }),
      );
      const published = results.flatMap((result) => result.published ?? []);
      const refused = results.flatMap(({ code }) => code ?? []);
      if (waitMs > 0) assert.deepEqual(refused, [], `round ${round}: who waits gets the lock`);
      else
        assert.ok(
          refused.every((code) => code === "LOCK_HELD") && published.length > 0,
          JSON.stringify(results),
        );
      await assertWhole(layout, published);
      total += published.length;
    }
    assert.deepEqual(await readdir(asDeployer(layout).staging), []);
    assert.deepEqual(await readdir(layout.waiting), []);
    const { records } = await readHistory(layout);
    assert.equal(records.filter(({ event }) => event === "published").length, total);
    t.diagnostic(
      `${ROUNDS} times two deploys: ${total} published, ${2 * ROUNDS - total} were told LOCK_HELD`,
    );
  });
});

interface Waiter {
  readonly lock: Promise<HeldLock>;
  readonly waits: Promise<void>;
}

function startWaiting(layout: SiteLayout): Waiter {
  let begin = (): void => {};
  const waits = new Promise<void>((done) => (begin = done));
  return { lock: acquireLock(layout, { waitMs: 20_000, onWait: begin }), waits };
}

async function contender(t: TestContext): Promise<{ readonly child: ChildProcess; readonly source: string }> {
  const source = await temporaryFolder(t);
  const build = { builder: "directory", directory: "app" };
  await writeFiles(source, { "inplace.config.json": { build }, "app/index.js": "" });
  const child = fork(new URL("./contender.js", import.meta.url), { stdio: "inherit" });
  t.after(async () => {
    child.disconnect();
    await once(child, "exit");
  });
  return { child, source };
}

async function play(child: ChildProcess, round: Round): Promise<RoundResult> {
  const told = once(child, "message");
  child.send(round);
  const [result] = (await told) as [RoundResult];
  return result;
}

async function assertWhole(layout: SiteLayout, published: readonly string[]): Promise<void> {
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names" && published.includes(pointer.artifact), JSON.stringify(pointer));
  const manifest = await readManifest(layout, pointer.artifact);
  assert.ok(manifest !== undefined && (await matchesManifest(pointer.path, manifest)));
  const commit = await readFile(join(pointer.path, "index.js"), "utf8");
  assert.equal(pointer.artifact, `shop-${commit.slice(3, 13)}`);
}

function deadOwner(host = hostname()): string {
  const pid = endedProcess();
  return ownedBy(pid, `dead-${pid}`, host);
}

function endedProcess(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

function ownedBy(pid: number, id: string, host = hostname()): string {
  return JSON.stringify({ id, owner: "somebody", host, pid, since: new Date().toISOString() });
}

async function leaveBehind(layout: SiteLayout, owner: string): Promise<void> {
  await mkdir(dirname(layout.lock), { recursive: true });
  await writeFile(layout.lock, owner);
}

async function silentSince(layout: SiteLayout, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms);
  await utimes(layout.lock, then, then);
}
