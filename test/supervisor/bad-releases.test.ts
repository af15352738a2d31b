import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { listFailed } from "#src/site/health-marks.js";
import { readPointer } from "#src/site/pointer.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type Load } from "../rig/load.js";
import { app, assertOnlyInsideLost, supervisedSite, type SupervisedSite } from "./supervised-site.js";

/** Long enough for a sound app to start on a loaded machine. */
const READY_MS = 6_000;

interface Bad {
  readonly kind: string;
  readonly content: string;
  readonly reason: RegExp;
}

const BAD: readonly Bad[] = [
  {
    kind: "exits at once",
    content: `console.log("no licence"); process.exit(3);`,
    reason: /exit code 3/,
  },
  {
    kind: "exits after a second without listening",
    content: `setTimeout(() => process.exit(4), 1000);`,
    reason: /exit code 4/,
  },
  {
    kind: "never listens",
    content: `setInterval(() => undefined, 1000);`,
    reason: /did not listen on PORT/,
  },
  {
    kind: "listens on another port",
    content: app("bad").replace("process.env.PORT", "0"),
    reason: /did not listen on PORT/,
  },
  {
    kind: "answers its health check with 500",
    content: `require("http").createServer((q, r) => r.writeHead(500).end("broken")).listen(process.env.PORT);`,
    reason: /\/health answered 500/,
  },
  {
    kind: "never answers its health check",
    content: `require("http").createServer(() => undefined).listen(process.env.PORT);`,
    reason: /\/health did not answer/,
  },
  { kind: "is no JavaScript", content: `}{ this is not JavaScript`, reason: /exit code 1/ },
  {
    kind: "lacks a dependency",
    content: `require("a-package-that-is-not-there");`,
    reason: /exit code 1/,
  },
  {
    kind: "eats all the memory that it is allowed",
    content: app("bad", `const eaten = []; for (;;) eaten.push(new Array(1e6).fill(eaten.length));`),
    reason: /SIGABRT|exit code 134/,
  },
];

/** The one kind that has visitors inside when it fails. */
const CRASHES: Bad = {
  kind: "crashes a while after the switch",
  content: app("bad", `setTimeout(() => process.exit(5), 1500);`),
  reason: /exit code 5/,
};

async function goodSite(t: TestContext): Promise<{ readonly site: SupervisedSite; readonly load: Load }> {
  const site = await supervisedSite(
    t,
    { artifact: "good.mjs", content: app("good") },
    {
      health: { path: "/health", answerMs: 1_000 },
      readyMs: READY_MS,
      probationMs: 3_000,
      env: { NODE_OPTIONS: "--max-old-space-size=48" },
    },
  );
  const load = await startLoad({
    port: site.port,
    streams: [
      { name: "one connection per request", perSecond: 50, connections: "fresh" },
      { name: "keep-alive", perSecond: 50, connections: 4 },
    ],
  });
  return { site, load };
}

/** Deploys the release under load, and asserts that the good one serves on. */
async function assertFallsBack(
  { site, load }: { readonly site: SupervisedSite; readonly load: Load },
  name: string,
  { content, reason }: Bad,
): Promise<void> {
  const ended = await site.deploy(name, content);
  const after = load.progress.done;
  await load.until(({ done }) => done > after + 20, "answers after the fall-back");
  assert.equal(ended.result, "failed");
  assert.match(ended.reason, reason);
  assert.equal(ended.live, "good.mjs");
  assert.match(await site.get(), /^good/);
  const pointer = await readPointer(site.layout);
  assert.ok(pointer.state === "names" && pointer.artifact === "good.mjs");
}

/** Each failed one is marked, and was started once. */
async function assertNotTriedAgain(
  { layout, events }: SupervisedSite,
  names: readonly string[],
): Promise<void> {
  const marked = (await listFailed(layout)).map(({ artifact }) => artifact);
  assert.deepEqual(marked.sort(), [...names].sort());
  const started = events.flatMap((event) => (event.type === "worker-started" ? event.artifact : []));
  assert.deepEqual(
    started.filter((artifact) => artifact !== "good.mjs"),
    names,
  );
}

test("one bad release after the other costs no request, and none is tried again", async (t) => {
  const good = await goodSite(t);
  const names: string[] = [];
  for (const [index, bad] of BAD.entries()) {
    await t.test(`one that ${bad.kind}`, async () => {
      const { failed } = good.load.progress;
      const name = `bad-${index}.${bad.content.startsWith("\nimport") ? "mjs" : "cjs"}`;
      names.push(name);
      await assertFallsBack(good, name, bad);
      await assertNotTriedAgain(good.site, names);
      assert.equal(good.load.progress.failed, failed, "requests failed meanwhile");
    });
  }
  assertNoneFailed(await good.load.stop());
});

test(`a release that ${CRASHES.kind} costs only what is inside it, and is not tried again`, async (t) => {
  const good = await goodSite(t);
  await assertFallsBack(good, "bad.mjs", CRASHES);
  assertOnlyInsideLost(await good.load.stop(), 1);
  await assertNotTriedAgain(good.site, ["bad.mjs"]);
});

test("a release that throws as it starts is told with its error and its place", async (t) => {
  const site = await supervisedSite(t, { artifact: "good.mjs", content: app("good") });
  const ended = await site.deploy("bad.cjs", `function settings() { throw new Error("boom"); }\nsettings();`);
  assert.ok(ended.result === "failed");
  assert.equal(ended.reason, "it ended with exit code 1: Error: boom");
  assert.match(ended.output.join("\n"), /bad\.cjs:1[^]*Error: boom\n +at settings .*bad\.cjs:1/);
  const [mark] = await listFailed(site.layout);
  assert.match(mark?.reason ?? "", /^it ended with exit code 1: Error: boom\n/);
});

test("a failed release is told with its last output", async (t) => {
  const site = await supervisedSite(t, { artifact: "good.mjs", content: app("good") });
  const ended = await site.deploy("bad.cjs", `console.error("cannot find the database"); process.exit(1);`);
  assert.ok(ended.result === "failed");
  assert.deepEqual(ended.output, ["cannot find the database"]);
  const [mark] = await listFailed(site.layout);
  assert.match(mark?.reason ?? "", /exit code 1\ncannot find the database/);
});

test("after a bad release the next one goes live, also under the name that failed", async (t) => {
  const site = await supervisedSite(t, { artifact: "app-1.mjs", content: app("1") });
  assert.equal((await site.deploy("app-2.mjs", "process.exit(1)")).result, "failed");
  assert.equal((await site.deploy("app-3.mjs", app("3"))).result, "live");
  assert.equal((await site.deploy("app-2.mjs", app("2"))).result, "live");
  assert.match(await site.get(), /^2/);
});
