import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { systemCode } from "#src/errors.js";
import { HOSTILITIES } from "./hostile.js";
import { DROPS, NEEDS_ROOT, RUNS, World } from "./world.js";

/** Of each of the two runs. */
const STEPS = 20;
const SEED = Number(process.env["INPLACE_TEST_SEED"] ?? 11);

type Random = () => number;

/** What the deployer does, and what the site does: it is started by the account that runs it. */
const MOVES: Readonly<Record<string, (world: World, step: number) => Promise<{ readonly code: string }>>> = {
  "deploy a new commit": async (world, step) => {
    await world.release(`step ${step}`);
    return world.deploy("--sign", world.key);
  },
  "deploy again": (world) => world.deploy("--sign", world.key),
  "deploy without a key": (world) => world.deploy("--rebuild"),
  "deploy the first commit from a checkout": async (world) =>
    world.deploy("--commit", await world.repository.git("rev-list", "--max-parents=0", "HEAD")),
  rollback: (world) => world.verb("rollback", "--yes"),
  prune: (world) => world.verb("prune", "--keep", "2"),
  pin: (world) => world.verb("pin", world.current()),
  status: (world) => world.verb("status"),
  history: (world) => world.verb("history"),
  unlock: (world) => world.verb("unlock", "--force"),
  "haproxy down": (world) => world.verb("haproxy", "down"),
  start: (world) => world.start(),
};

for (const who of [RUNS, DROPS] as const) {
  const what = who === RUNS ? "the owner of .inplace" : "the writer of _target";
  test(`nothing that ${what} does at random has code run as another account`, NEEDS_ROOT, async (t) => {
    await run(t, who, SEED);
  });
}

async function run(t: TestContext, who: typeof RUNS | typeof DROPS, seed: number): Promise<void> {
  t.diagnostic(`INPLACE_TEST_SEED=${seed}`);
  const random = generator(seed + who);
  const acts = HOSTILITIES.filter((each) => each.who === who && each.beside === undefined);
  const world = await World.create(t);
  await world.deploy("--sign", world.key);
  const done: string[] = [];
  const ends = new Map<string, number>();
  for (let step = 0; step < STEPS; step++) {
    if (random() < 0.5) {
      const act = pick(acts, random);
      done.push(act.what);
      world.as(who, () => attempt(() => act.act(world)));
      continue;
    }
    const [name, move] = pick(Object.entries(MOVES), random);
    done.push(name);
    const { code } = await move(world, step);
    ends.set(code, (ends.get(code) ?? 0) + 1);
    await world.assertBoundaries(`seed ${seed}: ${done.join("; ")}`);
    // The administrator does as the refusal says.
    if (code !== "done") world.renew();
  }
  t.diagnostic([...ends].map(([code, count]) => `${code} ${count}`).join(", "));
  assert.ok((ends.get("done") ?? 0) > 0, "nothing went through: the model proves nothing");
  assert.ok(readdirSync(world.ran).includes("deployer as 0"));
}

/** What the account may not do it does not do. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** mulberry32: the same numbers for the same seed. */
function generator(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
