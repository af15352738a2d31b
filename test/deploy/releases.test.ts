import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { markFailed, markGood } from "#src/site/health-marks.js";
import { asDeployer, type SiteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { documentsOf } from "../cli/documents.ts";
import { deployFolder } from "../rig/deploy-folder.ts";
import { atTerminal, inplace, startInplace, writeFiles } from "../rig/source.ts";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";

interface DeployedSite {
  readonly layout: SiteLayout;
  readonly cwd: string;
  /** Deploys one more commit and gives its artifact; in this process, which is quicker than the command. */
  next(): Promise<string>;
  /** Deploys the last commit once more. */
  again(): Promise<string>;
  /** Runs a verb and gives its exit code and JSON document. */
  verb(...args: string[]): Promise<{ code: number | null; json: Record<string, unknown> }>;
}

async function deployedSite(t: TestContext): Promise<DeployedSite> {
  const layout = await temporarySite(t);
  const cwd = await temporaryFolder(t);
  await writeFiles(cwd, { "inplace.config.json": { build: { builder: "directory", directory: "app" } } });
  const verb: DeployedSite["verb"] = async (...args) => {
    const { code, stdout } = await inplace(t, [...args, "--json", "--site-root", layout.root], { cwd });
    assert.equal(stdout.trim().split("\n").length, 1, stdout);
    const json = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(json["schemaVersion"], 1);
    return { code, json };
  };
  let count = 0;
  const again = async (): Promise<string> => {
    const commit = String(count).padStart(10, "0").padEnd(40, "0");
    const env = { ...process.env, WEBSITE_SITE_NAME: "shop", SCM_COMMIT_ID: commit };
    return (await deployFolder(cwd, layout.root, env)).artifact;
  };
  const next = async (): Promise<string> => {
    count += 1;
    await writeFiles(cwd, { "app/index.js": `console.log(${count});\n` });
    return again();
  };
  return { layout, cwd, next, again, verb };
}

function errorOf(json: Record<string, unknown>): string {
  return (json["error"] as { code: string }).code;
}

test("rollback goes back release by release, and ends where there is no earlier one", async (t) => {
  const { next, verb } = await deployedSite(t);
  const [first, second, third] = [await next(), await next(), await next()];
  assert.deepEqual((await verb("rollback", "--yes")).json, {
    schemaVersion: 1,
    artifact: second,
    previous: third,
  });
  assert.deepEqual((await verb("rollback", "--yes")).json, {
    schemaVersion: 1,
    artifact: first,
    previous: second,
  });
  const end = await verb("rollback", "--yes");
  assert.deepEqual([end.code, errorOf(end.json)], [4, "NOTHING_TO_ROLL_BACK"]);
  assert.equal((await verb("rollback", "--yes", third)).json["artifact"], third);
  assert.equal((await verb("status")).json["current"], third);
});

test("verbs take the beginning of a name or commit; diff compares the current release with the one before, pin lists", async (t) => {
  const { layout, cwd, next } = await deployedSite(t);
  const [first, second] = [await next(), await next()];
  const lines = [
    ["diff"],
    ["diff", second, "shop-0000000001"],
    ["pin", "0000000001"],
    ["pin"],
    ["unpin", "shop"],
    ["rollback", "0000", "--yes"],
    ["rollback", `_target/${first}`, "--yes"],
    ["promote", second.slice(0, 15)],
  ];
  const answers = await documentsOf(
    t,
    cwd,
    lines.map((line) => [...line, "--site-root", layout.root]),
  );
  const [diff, back, pinned, listed, unpinned, several, rolled, promoted] = answers.map(
    ({ document }) => document,
  );
  assert.deepEqual([diff?.["from"], diff?.["to"], diff?.["changed"]], [first, second, ["index.js"]]);
  assert.deepEqual([back?.["from"], back?.["to"]], [second, first]);
  assert.deepEqual(pinned?.["pinned"], [first]);
  assert.deepEqual(listed?.["pinned"], [first]);
  assert.deepEqual(unpinned?.["pinned"], []);
  assert.equal(several?.error?.code, "ARTIFACT_AMBIGUOUS");
  assert.match(String(several?.error?.message), new RegExp(`${first}, ${second}`));
  assert.equal(rolled?.["artifact"], first);
  assert.equal(promoted?.["artifact"], second);
});

test("rollback asks at a terminal, without the lock, and goes back on a yes only", async (t) => {
  const { layout, next, cwd } = await deployedSite(t);
  const [first, second] = [await next(), await next()];
  const ask = async (meanwhile: () => Promise<unknown>, answer: string) => {
    const terminal = atTerminal(t, ["rollback", "--site-root", layout.root], cwd);
    await until(terminal.stdout(), () => terminal.stdout().includes("[y/N]"));
    await meanwhile();
    terminal.process.stdin?.write(answer);
    return { code: await terminal.exited, shown: terminal.stdout() };
  };
  const nothing = async (): Promise<void> => undefined;

  const declined = await ask(nothing, "n\r");
  assert.match(declined.shown, new RegExp(`Roll back to ${first} \\(current: ${second}\\)\\? `));
  assert.match(declined.shown, /DECLINED/);
  assert.equal(declined.code, 1);
  assert.equal((await ask(nothing, "\x03")).code, 130, "Ctrl+C");
  assert.equal((await ask(nothing, "\x04")).code, 1, "Ctrl+D");
  const third = await next();
  assert.match(
    (await ask(next, "y\r")).shown,
    new RegExp(`SUPERSEDED: .* is current by now, no more ${third}`),
  );
  const agreed = await ask(nothing, "y\r");
  assert.match(agreed.shown, new RegExp(`rolled back to ${third}`));
  assert.equal(agreed.code, 0);
  assert.equal((await readPointer(layout)).state, "names");
});

test("rollback without a terminal needs --yes, and says so", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  await next();
  const second = await next();
  const before = await readFile(layout.pointer, "utf8");
  const refused = await verb("rollback");
  assert.deepEqual([refused.code, errorOf(refused.json)], [2, "CONFIRMATION_NEEDED"]);
  assert.equal(await readFile(layout.pointer, "utf8"), before);
  assert.equal((await verb("rollback", second)).code, 0, "what is current already asks nothing");
});

test("rollback prefers a release that was live, and never takes one that is marked failed unless forced", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const live = await next();
  await markGood(layout, live);
  const unproven = await next();
  const failed = await next();
  await markFailed(layout, failed, "exit code 1");
  await next();
  assert.equal((await verb("rollback", "--yes")).json["artifact"], live);
  const refused = await verb("rollback", "--yes", failed);
  assert.deepEqual([refused.code, errorOf(refused.json)], [4, "ARTIFACT_MARKED_FAILED"]);
  assert.equal((await verb("rollback", "--yes", failed, "--force")).code, 0);
  assert.deepEqual((await verb("status")).json["failed"], [], "who starts it again, clears its mark");
  assert.notEqual(live, unproven);
});

test("rollback refuses an artifact that is no longer whole", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const first = await next();
  await next();
  await writeFile(join(layout.target, first, "index.js"), "shorter");
  const refused = await verb("rollback", "--yes", first);
  assert.deepEqual([refused.code, errorOf(refused.json)], [4, "ARTIFACT_INCOMPLETE"]);
});

test("publishing a failed artifact again clears its mark and moves the pointer, though it names it already", async (t) => {
  const { layout, next, again, verb } = await deployedSite(t);
  const artifact = await next();
  await markFailed(layout, artifact, "exit code 1");
  const status = await verb("status");
  assert.equal(status.code, 6);
  assert.match(JSON.stringify(status.json["failed"]), /exit code 1/);
  assert.equal(await again(), artifact);
  assert.equal((await verb("status")).code, 0);
});

test("prune keeps what is current, last good, running, and the newest proven ones, and takes the rest", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const artifacts: string[] = [];
  for (let number = 0; number < 6; number += 1) {
    const artifact = await next();
    artifacts.push(artifact);
    // The second never proves itself and the third fails; they must not count.
    if (number !== 1 && number !== 2) await markGood(layout, artifact);
    if (number === 2) await markFailed(layout, artifact, "exit code 1");
  }
  const [first, unproven, failed, fourth, fifth, sixth] = artifacts;
  await writeFile(layout.started, `${first}\n`);
  await writeFile(join(layout.target, "drop-under-way.mjs"), "half");
  const preview = await verb("prune", "--keep", "2", "--dry-run");
  assert.deepEqual(preview.json["removed"], [fourth, failed, unproven]);
  assert.equal((await readdir(layout.target)).length, 7);
  const done = await verb("prune", "--keep", "2");
  assert.deepEqual(done.json["removed"], [fourth, failed, unproven]);
  const left = new Set(["drop-under-way.mjs", first, fifth, sixth]);
  assert.deepEqual(new Set(await readdir(layout.target)), left);
  assert.deepEqual((await verb("prune", "--keep", "2")).json["removed"], []);
  assert.equal(existsSync(join(layout.manifests, `${failed}.json`)), false);
  const history = (await verb("history")).json["history"] as {
    event: string;
    artifact: string;
    state: string;
  }[];
  const pruned = history
    .filter(({ event }) => event === "pruned")
    .map(({ artifact, state }) => [artifact, state]);
  assert.deepEqual(pruned, [
    [unproven, "removed"],
    [failed, "removed"],
    [fourth, "removed"],
  ]);
});

test("prune keeps five by default and takes folders whole", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const folder = join(layout.target, "old-20200101000000");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "index.mjs"), "1");
  assert.equal((await verb("rollback", "--yes", "old-20200101000000")).code, 0);
  for (let number = 0; number < 5; number += 1) await markGood(layout, await next());
  const { json } = await verb("prune");
  assert.deepEqual(json["removed"], ["old-20200101000000"]);
  assert.deepEqual(await readdir(asDeployer(layout).staging), []);
});

test("a deploy removes what is older than ten proven releases, or keep, once a release proved itself, and nothing with prune off", async (t) => {
  const { layout, cwd, next } = await deployedSite(t);
  const deployed: string[] = [];
  for (let count = 0; count < 12; count += 1) {
    deployed.push(await next());
    if (count > 0) await markGood(layout, deployed.at(-1) ?? "");
  }
  const { pinned, others } = { pinned: deployed[0] ?? "", others: deployed.slice(1) };
  const deployAgain = async (config: object): Promise<string[]> => {
    const build = { builder: "directory", directory: "app" };
    await writeFiles(cwd, { "inplace.config.json": { build, ...config } });
    const args = ["deploy", "--site-root", layout.root, "--json"];
    const env = { WEBSITE_SITE_NAME: "shop", SCM_COMMIT_ID: "c".padEnd(40, "0") };
    const { code, stderr } = await inplace(t, args, { cwd, env });
    assert.equal(code, 0, stderr);
    return (await readdir(layout.target)).filter((name) => name !== "shop-c000000000").sort();
  };
  await documentsOf(t, cwd, [["pin", pinned, "--site-root", layout.root]]);
  assert.deepEqual(await deployAgain({ prune: false }), deployed);
  assert.deepEqual(await deployAgain({ haproxy: {} }), deployed);
  await writeFile(layout.started, `${others[0]}\n`);
  assert.deepEqual(await deployAgain({}), deployed, "eleven proven ones: the eleventh runs");
  await writeFile(layout.started, `${others[5]}\n`);
  assert.deepEqual(await deployAgain({}), [pinned, ...others.slice(1)]);
  assert.deepEqual(await deployAgain({ keep: 2 }), [pinned, others[5], ...others.slice(-2)]);
});

test("history tells the newest first, with who, what for and what became of it, and takes up failures that launchers left", async (t) => {
  const { layout, next, verb, cwd } = await deployedSite(t);
  const first = await next();
  const second = await next();
  await mkdir(layout.failed, { recursive: true });
  await writeFile(join(layout.failed, second), "exit code 3\n"); // As a launcher leaves it.
  const history = (await verb("history")).json["history"] as Record<string, string>[];
  assert.deepEqual(
    history.map(({ event, artifact, state }) => [event, artifact, state]),
    [
      ["failed", second, "current, failed"],
      ["published", second, "current, failed"],
      ["published", first, "unproven"],
    ],
  );
  assert.equal(history[0]?.["reason"], "exit code 3");
  assert.match(history[1]?.["by"] ?? "", /.+@.+/);
  assert.match(history[1]?.["at"] ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const text = await inplace(t, ["history", "--limit", "1", "--site-root", layout.root], {
    cwd,
  });
  assert.equal(text.stdout.trim().split("\n").length, 1);
});

test("wait ends when the current artifact proved healthy, also while it waits", async (t) => {
  const { layout, next, cwd } = await deployedSite(t);
  const artifact = await next();
  const waiting = startInplace(t, ["wait", "--json", "--site-root", layout.root], { cwd });
  await markGood(layout, artifact);
  const { code, stdout } = await waiting.ended();
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).artifact, artifact);
});

test("wait ends with 6 when the artifact failed, and with 7 when nothing happens in time", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const artifact = await next();
  const timedOut = await verb("wait", "--timeout", "200ms");
  assert.deepEqual([timedOut.code, errorOf(timedOut.json)], [7, "TIMED_OUT"]);
  await markFailed(layout, artifact, "exit code 1");
  const failed = await verb("wait", artifact);
  assert.deepEqual([failed.code, errorOf(failed.json)], [6, "START_FAILED"]);
});

test("a release that was live before a newer one took over has proved itself", async (t) => {
  const { layout, next, verb } = await deployedSite(t);
  const first = await next();
  await markGood(layout, first);
  await markGood(layout, await next());
  assert.equal((await verb("wait", first)).code, 0);
});

test("status of an empty site, and before a first deploy, says so", async (t) => {
  const { verb } = await deployedSite(t);
  const { code, json } = await verb("status");
  assert.deepEqual(
    [code, json["current"], (json["pointer"] as { state: string }).state],
    [0, null, "missing"],
  );
  const wait = await verb("wait");
  assert.deepEqual([wait.code, errorOf(wait.json)], [4, "ARTIFACT_MISSING"]);
});
