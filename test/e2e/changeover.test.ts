import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { assertNoneFailed } from "../rig/load-report.ts";
import { startLoad, type LoadStream } from "../rig/load.ts";
import { pageOf } from "../rig/page.ts";
import { inplace, sourceAndSite, startInplace, writeFiles } from "../rig/source.ts";
import { until } from "../rig/until.ts";

const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 100, connections: 16 },
  { name: "connection per request", perSecond: 75, connections: "fresh" },
  { name: "post in two halves", perSecond: 75, connections: 16, halvesApartMs: 20 },
];
const REQUESTS_BETWEEN = 250;

/** An app that needs no package and shows the number of its release. */
const app = (release: number): string => `
import { createServer } from "node:http";
createServer((request, response) => {
  request.resume().on("end", () => response.end("release ${release} of " + process.env.INPLACE_ARTIFACT));
}).listen(process.env.PORT);
`;

const build = { builder: "entry", entry: "server.mjs" };

test("a site that is recycled under inplace serve changes over to handover at its next deploy, and no request of all is lost", async (t) => {
  const { repository, layout } = await sourceAndSite(t, {
    "server.mjs": app(1),
    "inplace.config.json": { build, rollout: "recycle" },
  });
  const options = { cwd: repository.folder };
  const command = (...args: readonly string[]) => inplace(t, [...args, "--site-root", layout.root], options);
  const say = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await command(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const artifact = async (): Promise<string> =>
    `shop-${await repository.git("rev-parse", "--short=10", "HEAD")}.mjs`;
  const deploy = async (release: number, config: object, ...flags: readonly string[]): Promise<string> => {
    await writeFiles(repository.folder, { "server.mjs": app(release), "inplace.config.json": config });
    await repository.commit(`Release ${release}`);
    return await say("deploy", ...flags);
  };

  assert.match(await say("deploy"), /^rollout: recycle: who comes while the old release drains waits/m);
  const port = await freePort();
  const serve = ["serve", "--port", String(port), "--site-root", layout.root];
  const served = startInplace(t, serve, options);
  await until("the site answers", async () => (await pageOf(port)).startsWith("release 1"));

  const load = await startLoad({ port, streams: STREAMS, version: "release (\\d+)" });
  const answers = async (release: number): Promise<void> => {
    await load.until(({ version }) => version === String(release), `release ${release} answers`);
    const { done } = load.progress;
    await load.until((now) => now.done > done + REQUESTS_BETWEEN, "requests go on");
  };
  await answers(1);
  assert.doesNotMatch(await deploy(2, { build, rollout: "recycle" }), /from now on/);
  await answers(2);
  assert.match(
    await deploy(3, { build }),
    /^rollout: handover from now on: the launcher starts a supervisor/m,
  );
  await answers(3);
  const third = await artifact();

  // From here on the command talks to the supervisor.
  assert.match(await say("wait", third), /is live after/);
  const exits = (): number => [...served.output.matchAll(/ended with code 0/g)].length;
  assert.equal(exits(), 2, served.output);
  assert.match(await deploy(4, { build }, "--wait"), /is live after [\d.]+ s: /);
  await answers(4);
  const fourth = await artifact();
  const status = await say("status");
  assert.match(status, new RegExp(`^serving +${fourth.replace(".", "\\.")} \\(pid \\d+\\)`, "m"));
  assert.doesNotMatch(status, /^started/m);

  const other = createServer().listen(0);
  t.after(() => other.close());
  await once(other, "listening");
  const { port: taken } = other.address() as AddressInfo;
  await writeFiles(repository.folder, { "server.mjs": `${app(5)}createServer().listen(${taken});\n` });
  await repository.commit("Release 5");
  const bad = await command("deploy", "--wait");
  assert.equal(bad.code, 6, bad.stdout + bad.stderr);
  assert.match(
    bad.stderr,
    new RegExp(`${fourth} serves on. Both releases run during a handover: .*"overlap": false`),
  );
  assert.match(await say("rollback", third, "--yes"), /rolled back to/);
  await answers(3);
  // Released first of all, and of the two that the supervisor knows.
  const first = await repository.git("rev-parse", "--short=10", "HEAD~4");
  await say("prune", "--keep", "1");
  assert.deepEqual(
    [third, `shop-${first}.mjs`].map((name) => existsSync(join(layout.target, name))),
    [true, false],
  );
  await answers(3);
  const samples = await load.stop();
  assertNoneFailed(samples);
  assert.equal(exits(), 2, "the supervisor stays");
  const history = await say("history");
  for (const event of ["published", "live", "failed", "rolled-back", "pruned"]) {
    assert.match(history, new RegExp(` ${event} `));
  }
});
