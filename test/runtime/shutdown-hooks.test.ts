import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../rig/until.js";
import { supervisedSite } from "../supervisor/supervised-site.js";
import { publish } from "../watch/watched-site.js";
import { fetchText, launch, launchedSite } from "./launched-site.js";

/** What apps and their libraries do at the end of a process; `note` keeps a line of it in the site's folder. */
const HOOKS: Readonly<Record<string, string>> = {
  "ends the process when its server has closed": `
process.on("SIGTERM", () => { note("told"); server.close(() => process.exit(0)); server.closeIdleConnections(); });`,
  "ends the process with a code of its own": `
process.on("SIGTERM", () => { note("told"); process.exit(3); });`,
  "cleans up for a while and leaves the end to Node": `
process.on("SIGTERM", async () => { await new Promise((done) => setTimeout(done, 200)); note("told"); });`,
  "sends itself the signal again when it is done": `
const told = () => { note("told"); process.off("SIGTERM", told); process.kill(process.pid, "SIGTERM"); };
process.on("SIGTERM", told);`,
  "listens for Ctrl+C only": `
process.on("SIGINT", () => { note("told"); process.exit(); });`,
  "waits for nothing to be left": `
process.once("beforeExit", () => note("told"));`,
  "has two handlers of which the first one fails": `
process.on("SIGTERM", () => { throw new Error("no"); });
process.on("SIGTERM", () => { note("told"); process.exit(); });`,
};

/** An app whose answer to /slow is whole only where its own end comes after it. */
function hooked(hook: string): string {
  return `
import http from "node:http";
import { appendFileSync } from "node:fs";
const note = (line) => appendFileSync(process.env.INPLACE_SITE_ROOT + "/notes", process.env.INPLACE_ARTIFACT + " " + line + "\\n");
const server = http.createServer((request, response) => {
  if (request.url !== "/slow") return response.end("quick");
  response.write("slow ");
  setTimeout(() => { note("answered"); response.end("answer"); }, 300);
});
server.listen(process.env.PORT ?? 0, "127.0.0.1", () => console.log("port " + server.address().port));
${hook}`;
}

for (const [how, hook] of Object.entries(HOOKS)) {
  test(`an app that ${how} is told once when a release takes its place, after its last answer (recycle)`, async (t) => {
    const layout = await launchedSite(t);
    await publish(layout, "app-1.mjs", hooked(hook));
    const running = launch(t, layout);
    const port = await running.port();
    const slow = fetchText(port, "/slow");
    await fetchText(port);
    await publish(layout, "app-2.mjs", hooked(""));
    assert.equal(await slow, "slow answer");
    assert.equal(await running.exited, 0);
    const notes = await readFile(join(layout.root, "notes"), "utf8");
    assert.equal(notes, "app-1.mjs answered\napp-1.mjs told\n");
  });

  test(`an app that ${how} is told once when a release takes its place, after its last answer (handover)`, async (t) => {
    const site = await supervisedSite(t, { artifact: "app-1.mjs", content: hooked(hook) });
    const slow = site.get("/slow");
    await site.get();
    assert.equal((await site.deploy("app-2.mjs", hooked(""))).result, "live");
    assert.equal(await slow, "slow answer");
    const notes = await until("it was told", async () => {
      const text = await readFile(join(site.layout.root, "notes"), "utf8");
      return text.includes("told") && text;
    });
    assert.equal(notes, "app-1.mjs answered\napp-1.mjs told\n");
  });
}

test("an app that closes its server at the signal that drains it loses no request on its way, and ends after its last answer", async (t) => {
  const layout = await launchedSite(t);
  const hook = `process.on("SIGTERM", () => { server.close(() => process.exit(3)); server.closeIdleConnections(); });`;
  await publish(layout, "app-1.mjs", hooked(hook));
  const running = launch(t, layout);
  const port = await running.port();
  const slow = fetchText(port, "/slow");
  await fetchText(port);
  const idle = connect(port, "127.0.0.1");
  await once(idle, "connect");
  idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(idle, "data");
  // On its way when the server closes: both wait for the process that stands still.
  running.process.kill("SIGSTOP");
  idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  running.process.kill("SIGTERM");
  running.process.kill("SIGCONT");
  const [answer] = (await once(idle, "data")) as [Buffer];
  assert.match(String(answer), /^HTTP\/1.1 200/);
  idle.destroy();
  assert.equal(await slow, "slow answer");
  await running.exited;
});
