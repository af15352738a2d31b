import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad } from "../rig/load.js";
import { supervisedSite } from "../supervisor/supervised-site.js";
import { choosePort } from "#src/process/port.js";
import { publish } from "../watch/watched-site.js";
import { fetchText, launch, launchedSite } from "./launched-site.js";

/** An app that answers from its own API: of another server (/inner), of itself (/self), with a POST (/post). */
function gateway(version: string): string {
  return `
import http from "node:http";
const inner = http.createServer((q, s) => q.resume().on("end", () => s.end("inner"))).listen(0, "127.0.0.1");
const port = process.env.PORT;
const ask = (path) => path === "/self" ? fetch("http://127.0.0.1:" + port + "/plain")
  : path === "/name" ? fetch("http://localhost:" + port + "/plain")
  : path === "/post" ? fetch("http://127.0.0.1:" + inner.address().port, { method: "POST", body: "x" })
  : fetch("http://127.0.0.1:" + inner.address().port);
const server = http.createServer(async (request, response) => {
  response.setHeader("x-version", ${JSON.stringify(version)});
  if (request.url === "/plain") return response.end("plain");
  await new Promise((done) => setTimeout(done, 300));
  try { response.end("got " + await (await ask(request.url)).text()); }
  catch (error) { response.writeHead(500).end(String(error.cause?.code)); }
});
server.listen(port, "127.0.0.1", () => console.log("port " + server.address().port));`;
}

const EXPECTED = { "/inner": "got inner", "/self": "got plain", "/name": "got plain", "/post": "got inner" };

test("what is in flight when a release takes over reaches the app's own servers (recycle)", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", gateway("1"));
  const running = launch(t, layout, [], { PORT: String(await choosePort()) });
  const port = await running.port();
  // Keeps connections to itself open, which a drain must not close under it.
  for (const path of Object.keys(EXPECTED)) await fetchText(port, path);
  const answers = Object.entries(EXPECTED).map(async ([path, text]) => {
    assert.equal(await fetchText(port, path), text);
  });
  await fetchText(port, "/plain");
  await publish(layout, "app-2.mjs", gateway("2"));
  await Promise.all(answers);
  assert.equal(await running.exited, 0);
  assert.match(running.stderr(), /nothing cut/);
});

for (const front of ["held", "spliced"] as const) {
  test(`what is in flight when a release takes over reaches the app's own servers (${front})`, async (t) => {
    const site = await supervisedSite(t, { artifact: "app-1.mjs", content: gateway("1") }, { front });
    const load = await startLoad({
      port: site.port,
      version: "x-version: (.)",
      streams: Object.entries(EXPECTED).map(([path, expect]) => ({
        name: path,
        path,
        perSecond: 20,
        connections: path === "/self" ? 8 : ("fresh" as const),
        expect,
      })),
    });
    for (const version of ["2", "3"]) {
      assert.equal((await site.deploy(`app-${version}.mjs`, gateway(version))).result, "live");
      await load.until((progress) => progress.version === version, `answers by ${version}`);
    }
    assertNoneFailed(await load.stop());
  });
}
