import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { stat, utimes, writeFile } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { clearFailed, markGood, readLastGood } from "#src/site/health-marks.js";
import { readHistory } from "#src/site/history.js";
import { readLastDrain } from "#src/site/last-drain.js";
import { readManifest, writeManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import { generateKeys, signManifest } from "#src/site/signature.js";
import { freePort } from "../rig/free-port.js";
import { drop, temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { tarGz, zip } from "../watch/archives.js";
import { publish } from "../watch/watched-site.js";
import { app, fetchText, launch, launchedSite } from "./launched-site.js";

for (const [kind, extension, source] of [
  ["an ES module", ".mjs", app()],
  ["CommonJS", ".cjs", app().replace('import http from "node:http"', 'const http = require("node:http")')],
] as const) {
  test(`an unchanged app, ${kind}, answers what is in flight when a newer release is published, and exits with 0`, async (t) => {
    const layout = await launchedSite(t);
    await publish(layout, `app-1${extension}`, source);
    const running = launch(t, layout);
    const port = await running.port();
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    assert.equal(await fetchText(port, "/", agent), `app-1${extension}`);
    const slow = get({ host: "127.0.0.1", port, path: "/held/100" });
    slow.flushHeaders();
    await once(slow, "socket").then(([socket]) => once(socket, "connect"));
    await publish(layout, "app-2.mjs", app());
    const [response] = (await once(slow, "response")) as [IncomingMessage];
    assert.equal(response.headers.connection, "close");
    assert.equal(await text(response), "held answer");
    assert.equal(await running.exited, 0);
    assert.match(running.stderr(), /drained in \d+ ms \(app-2\.mjs is to take over\)/);
    assert.equal(await readLastGood(layout), `app-1${extension}`);
  });
}

test("a manual drop ends the running app as a publish does, and the next launch starts it", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  await running.port();
  await drop(layout, "by hand.mjs", app());
  assert.equal(await running.exited, 0);
  const next = launch(t, layout);
  assert.equal(await fetchText(await next.port()), "by hand.mjs");
  const { records } = await readHistory(layout);
  // On a slow machine the app is up for 2 s, and so live, before the drop is whole.
  const events = records.map(({ event, artifact }) => `${event} ${artifact}`).slice(0, 2);
  assert.deepEqual(events.sort(), ["adopted by hand.mjs", "live app-1.mjs"]);
});

for (const [ending, pack] of [
  ["zip", zip],
  ["tgz", tarGz],
] as const) {
  test(`a dropped .${ending} is unpacked by the running app, which ends, and the next launch starts the folder`, async (t) => {
    const layout = await launchedSite(t);
    await publish(layout, "app-1.mjs", app());
    const running = launch(t, layout);
    await running.port();
    await writeFile(join(layout.target, `app-2.${ending}`), pack([{ name: "index.mjs", content: app() }]));
    assert.equal(await running.exited, 0);
    const next = launch(t, layout);
    assert.equal(await fetchText(await next.port()), "app-2");
  });
}

test("what is not done at the deadline is cut: exit code 7 and one line that names it", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout, [], { INPLACE_DRAIN_MS: "300" });
  const stuck = get({ host: "127.0.0.1", port: await running.port(), path: "/slow/3600000/?secret" });
  stuck.on("error", () => undefined);
  await once(stuck, "socket").then(([socket]) => once(socket, "connect"));
  await fetchText(await running.port());
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 7);
  assert.match(running.stderr(), /^inplace: CUT 1 at the deadline: request GET \/slow\/3600000\/ \(/m);
});

test("an app is good once it has stayed up, and the history says that it is live", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  await fetchText(await running.port());
  await until("last-good", async () => (await readLastGood(layout)) === "app-1.mjs");
  await until("history", async () =>
    (await readHistory(layout)).records.some(
      ({ event, artifact }) => event === "live" && artifact === "app-1.mjs",
    ),
  );
});

test("an app that drains without having listened where visitors come is no good one", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout, [], { PORT: String(await freePort()) });
  assert.match(await fetchText(await running.port()), /app-1/);
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 0);
  assert.equal(await readLastGood(layout), undefined);
});

/** Preloaded: whoever opens last-good first says so, and waits until he may. */
const HELD_AT_LAST_GOOD = `
import { existsSync, writeFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
const hold = fileURLToPath(import.meta.url);
const { open } = files;
files.open = async (path, ...rest) => {
  if (String(path).endsWith("last-good")) {
    writeFileSync(hold + ".held", "");
    while (!existsSync(hold + ".go")) await delay(10);
  }
  return await open(path, ...rest);
};
syncBuiltinESMExports();
`;

test("an app that gives way while it is being recorded that it is good ends after that", async (t) => {
  const layout = await launchedSite(t);
  const hold = join(await temporaryFolder(t), "hold.mjs");
  await writeFile(hold, HELD_AT_LAST_GOOD);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout, [], { NODE_OPTIONS: `--import ${pathToFileURL(hold).href}` });
  const port = await running.port();
  await fetchText(port);
  await until("it looks for the last good one", () => existsSync(`${hold}.held`));
  await publish(layout, "app-2.mjs", app());
  await until("its port refuses", () =>
    fetchText(port).then(
      () => false,
      () => true,
    ),
  );
  await writeFile(`${hold}.go`, "");
  assert.equal(await running.exited, 0);
  assert.ok((await stat(layout.lastGood)).isFile());
  assert.equal(await readLastGood(layout), "app-1.mjs");
});

test("an app that nobody asks anything is good when it stayed up", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  await launch(t, layout).port();
  await until("last-good", async () => (await readLastGood(layout)) === "app-1.mjs");
});

test("an artifact that is not what was published ends at its start, and the last good one serves", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  await markGood(layout, "app-1.mjs");
  await publish(layout, "app-2.mjs", app());
  await writeFile(join(layout.target, "app-2.mjs"), app().replace("slow answer", "evil answer"));
  await utimes(join(layout.target, "app-2.mjs"), new Date(0), new Date(0));
  await writePointer(layout, "app-2.mjs");
  const running = launch(t, layout);
  assert.equal(await fetchText(await running.port()), "app-1.mjs");
  assert.match(running.stderr(), /ARTIFACT_ALTERED: app-2\.mjs is not what was published/);
});

test("a site that requires signatures starts and adopts signed releases only", async (t) => {
  const layout = await launchedSite(t);
  const folder = await temporaryFolder(t);
  const { privateKey, publicKey } = generateKeys();
  await writeFile(join(folder, "key"), privateKey);
  await writeFile(join(folder, "pub"), publicKey);
  const env = { INPLACE_PUBLIC_KEY: join(folder, "pub") };
  await publish(layout, "app-1.mjs", app());
  const refused = launch(t, layout, [], env);
  assert.equal(await refused.exited, 4);
  assert.match(refused.stderr(), /ARTIFACT_UNSIGNED: app-1\.mjs/);
  const manifest = await readManifest(layout, "app-1.mjs");
  assert.ok(manifest);
  await writeManifest(layout, await signManifest(manifest, join(folder, "key")));
  await clearFailed(layout, "app-1.mjs");
  const running = launch(t, layout, [], env);
  assert.equal(await fetchText(await running.port()), "app-1.mjs");
  await drop(layout, "by hand.mjs", app());
  await until("the drop is refused", () =>
    /"by hand\.mjs" in _target is not taken: .*not signed/.test(running.stderr()),
  );
});

test("what recycling cost is recorded, for doctor to name it", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  const port = await running.port();
  const slow = fetchText(port, "/slow/400");
  await fetchText(port);
  await publish(layout, "app-2.mjs", app());
  assert.equal(await slow, "slow answer");
  assert.equal(await running.exited, 0);
  const { artifact, ms = 0 } = (await readLastDrain(layout)) ?? {};
  assert.equal(artifact, "app-1.mjs");
  assert.ok(ms >= 100 && ms < 10_000, `${ms} ms`);
});
