import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { joinInstances } from "#src/site/instances.js";
import type { SiteLayout } from "#src/site/layout.js";
import { thisProcess, type Owner } from "#src/site/owned-file.js";
import { endTurns, takeTurn, type Turn } from "#src/site/turn.js";
import { temporarySite } from "../rig/temporary-site.js";

describe("turns", () => {
  it("go to one after the other, the next when the one before is given back", async (t) => {
    const layout = await temporarySite(t);
    let away = 0;
    const turns = Array.from({ length: 5 }, async () => {
      const turn = await takeTurn(layout, thisProcess(), { maxUnavailable: 1 });
      assert.equal(++away, 1);
      away -= 1;
      await turn.giveBack();
    });
    await Promise.all(turns);
    assert.deepEqual(await readdir(layout.turns), []);
  });

  it("go to as many at a time as may be away", async (t) => {
    const layout = await temporarySite(t);
    const two = [await take(layout, 2), await take(layout, 2)];
    const third = await take(layout, 2, { waitMs: 0 });
    assert.deepEqual(
      [...two, third].map(({ taken }) => taken),
      [true, true, false],
    );
    for (const turn of two) await turn.giveBack();
  });

  it("are kept by an ended process until the instance that is up in its place ends them", async (t) => {
    const layout = await temporarySite(t);
    await leaveTurn(layout, ended());
    assert.equal((await take(layout, 1, { waitMs: 0 })).taken, false);
    await endTurns(layout, thisProcess(), 1);
    const turn = await take(layout, 1, { waitMs: 0 });
    assert.equal(turn.taken, true);
    await turn.giveBack();
  });

  it("are not ended for a process that is still draining, nor for one on another machine", async (t) => {
    const layout = await temporarySite(t);
    const draining = await take(layout, 1);
    await endTurns(layout, thisProcess(), 1);
    assert.equal((await take(layout, 1, { waitMs: 0 })).taken, false);
    await draining.giveBack();
    await leaveTurn(layout, ended("another-machine"));
    await endTurns(layout, thisProcess(), 1);
    assert.equal((await take(layout, 1, { waitMs: 0 })).taken, false);
  });

  it("are not ended by an instance that was up before they were taken, and only one by each that is up since", async (t) => {
    const layout = await temporarySite(t);
    const before = { ...thisProcess(), since: new Date(Date.now() - 60_000).toISOString() };
    await leaveTurn(layout, ended(), 0, 1);
    await leaveTurn(layout, ended(), 0, 2);
    await endTurns(layout, before, 2);
    assert.deepEqual((await readdir(layout.turns)).sort(), ["turn-1", "turn-2"]);
    await endTurns(layout, thisProcess(), 2);
    const turns = [await take(layout, 2, { waitMs: 0 }), await take(layout, 2, { waitMs: 0 })];
    assert.deepEqual(
      turns.map(({ taken }) => taken),
      [true, false],
    );
    await turns[0]?.giveBack();
  });

  it("of the dead whom nobody replaces pass on after a while, to exactly one", async (t) => {
    const layout = await temporarySite(t);
    await leaveTurn(layout, ended("another-machine"), 60_000);
    const turns = await Promise.all(Array.from({ length: 6 }, () => take(layout, 1, { waitMs: 0 })));
    assert.equal(turns.filter(({ taken }) => taken).length, 1);
    await Promise.all(turns.map((turn) => turn.giveBack()));
    assert.deepEqual(await readdir(layout.turns), []);
  });

  it("are waited for no longer than asked", async (t) => {
    const layout = await temporarySite(t);
    const first = await take(layout, 1);
    let ahead: Owner | undefined;
    const second = await take(layout, 1, { waitMs: 300, onWait: (owner) => (ahead = owner) });
    assert.equal(second.taken, false);
    assert.equal(ahead?.pid, process.pid);
    await first.giveBack();
  });
});

describe("instances", () => {
  it("know how many others are alive; ended ones of this machine and silent ones of others do not count", async (t) => {
    const layout = await temporarySite(t);
    const first = await joinInstances(layout, thisProcess());
    assert.equal(await first.others(), 0);
    const second = await joinInstances(layout, thisProcess());
    assert.equal(await first.others(), 1);
    await writeFile(join(layout.instances, "ended"), JSON.stringify(ended()));
    const silent = join(layout.instances, "silent");
    await writeFile(silent, JSON.stringify(ended("another-machine")));
    const then = new Date(Date.now() - 3_600_000);
    await utimes(silent, then, then);
    assert.equal(await first.others(), 1);
    second.leave();
    assert.equal(await first.others(), 0);
    first.leave();
    assert.deepEqual(await readdir(layout.instances), ["silent"]);
  });
});

function take(
  layout: SiteLayout,
  maxUnavailable: number,
  options: { readonly waitMs?: number; readonly onWait?: (owner: Owner) => void } = {},
): Promise<Turn> {
  return takeTurn(layout, thisProcess(), { maxUnavailable, ...options });
}

async function leaveTurn(layout: SiteLayout, owner: Owner, agoMs = 0, place = 1): Promise<void> {
  await mkdir(layout.turns, { recursive: true });
  const file = join(layout.turns, `turn-${place}`);
  await writeFile(file, JSON.stringify(owner));
  const then = new Date(Date.now() - agoMs);
  await utimes(file, then, then);
}

function ended(host = hostname()): Owner {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return { ...thisProcess(), id: `ended-${pid}`, host, pid };
}
