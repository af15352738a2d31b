// Where nobody but a launcher starts a site: a release that starts and never serves has a way back.
import { deepEqual, equal, match } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { listFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { freePort } from "../rig/free-port.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { fetchText, launch, launchedSite, type Started } from "./launched-site.js";

const GOOD =
  'import http from "node:http"; http.createServer((q, r) => r.end("good")).listen(Number(process.env.PORT), "127.0.0.1");';
const HANGS = 'console.log("up"); setInterval(() => {}, 1000);';

interface Site {
  readonly layout: SiteLayout;
  readonly port: number;
  start(env?: NodeJS.ProcessEnv): Started;
}

/** After a good release, this one was published. */
async function unprovenSite(t: Parameters<typeof launch>[0], content: string): Promise<Site> {
  const layout = await launchedSite(t);
  await publish(layout, "good.mjs", GOOD);
  await markGood(layout, "good.mjs");
  await publish(layout, "new.mjs", content);
  const port = await freePort();
  return { layout, port, start: (env = {}) => launch(t, layout, [], { PORT: String(port), ...env }) };
}

async function goodServes({ port }: Site): Promise<void> {
  const answer = await until("the last good one answers", () => fetchText(port).catch(() => undefined));
  equal(answer, "good");
}

/** What the record of its start says. */
async function recorded({ starting }: SiteLayout): Promise<string | undefined> {
  const [name] = (await readdir(starting).catch(() => [])).filter((each) => !each.endsWith(".tmp"));
  if (name === undefined) return undefined;
  return (JSON.parse(await readFile(join(starting, name), "utf8")) as { readonly state: string }).state;
}

function endTree({ process: { pid } }: Started): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

test("what does not listen in its time is marked, with the port where it does, and the last good one serves", async (t) => {
  const site = await unprovenSite(
    t,
    'import http from "node:http"; http.createServer(() => {}).listen(0, "127.0.0.1", function () { console.log("port " + this.address().port); });',
  );
  const started = site.start({ INPLACE_START_MS: "1500" });
  const elsewhere = await started.port();
  await goodServes(site);
  const [mark] = await listFailed(site.layout);
  equal(mark?.artifact, "new.mjs");
  match(mark.reason, new RegExp(`^It did not listen on PORT within 1\\.5 s, but on port ${elsewhere}\\.$`));
  equal(await readLastGood(site.layout), "good.mjs");
  deepEqual(await readdir(site.layout.starting), []);
});

for (const [what, content, state] of [
  ["hangs", HANGS, "late"],
  ["never comes to an end of its own code", 'console.log("up"); for (;;);', "loading"],
] as const) {
  test(`one that ${what} and is ended by its platform is not started a second time`, async (t) => {
    const site = await unprovenSite(t, content);
    const first = site.start();
    await until("it is late", async () => (await recorded(site.layout)) === state);
    // As a platform's time is: no release is given less than that.
    const since = Date.now();
    await until("some seconds have passed", () => Date.now() - since > 2_500);
    endTree(first);
    await first.exited;
    const second = site.start();
    await goodServes(site);
    equal(second.stdout(), "");
    match((await listFailed(site.layout))[0]?.reason ?? "", /did not listen, and was ended from outside/);
  });
}

test("one whose start was ended at once, by its user say, starts again, and nothing is left when it serves", async (t) => {
  const site = await unprovenSite(t, `await new Promise((done) => setTimeout(done, 1_000));${GOOD}`);
  const first = site.start();
  await until("it runs", async () => (await recorded(site.layout)) === "running");
  endTree(first);
  await first.exited;
  site.start();
  await goodServes(site);
  deepEqual(await listFailed(site.layout), []);
  await until("it is the last good one", async () => (await readLastGood(site.layout)) === "new.mjs");
  deepEqual(await readdir(site.layout.starting), []);
});
