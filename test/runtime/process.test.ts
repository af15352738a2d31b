import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { get, type ClientRequest } from "node:http";
import { connect } from "node:http2";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { readLastGood } from "#src/site/health-marks.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { app, fetchText, launch, launchedSite, start, type Started } from "./launched-site.js";

const REGISTER = pathToFileURL(resolve("dist/runtime/bundle/register.mjs")).href;
const LIBRARY = pathToFileURL(resolve("dist/index.js")).href;

/** Starts a program of its own, with the runtime preloaded, without a site. */
async function preloaded(
  t: TestContext,
  source: string,
  options: { readonly env?: NodeJS.ProcessEnv; readonly stdin?: "pipe"; readonly preload?: boolean } = {},
): Promise<Started> {
  const path = join(await temporaryFolder(t), "app.mjs");
  await writeFile(path, source);
  const preload = options.preload === false ? [] : ["--import", REGISTER];
  return start(t, process.execPath, [...preload, path], options);
}

/** A request that the app has when this resolves, and answers when it has drained for so long. */
async function inFlight(port: number, ms: number, path = "held"): Promise<ClientRequest> {
  const request = get({ host: "127.0.0.1", port, path: `/${path}/${ms}` });
  request.on("error", () => undefined);
  const [socket] = (await once(request, "socket")) as [NodeJS.EventEmitter];
  await once(socket, "connect");
  // Its head was read when a later one on another connection is answered.
  await fetchText(port);
  return request;
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} drains and exits with 0`, async (t) => {
    const running = await preloaded(t, app());
    const request = await inFlight(await running.port(), 300);
    const answered = once(request, "response");
    running.process.kill(signal);
    const [response] = (await answered) as [{ statusCode: number; resume(): void }];
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.equal(await running.exited, 0);
    assert.match(running.stderr(), new RegExp(`drained in \\d+ ms \\(${signal}\\): 1 requests served`));
    assert.match(running.stderr(), /\(connections: .*1 request/);
  });
}

test("a second signal ends the process at once", async (t) => {
  const running = await preloaded(t, app(`server.on("draining", () => console.log("draining"));`));
  await inFlight(await running.port(), 3_600_000);
  running.process.kill("SIGTERM");
  await until("the drain to begin", () => running.stdout().includes("draining"));
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 143);
});

test("under a launcher a signal to the whole process group, which arrives twice, is one request to stop", async (t) => {
  const layout = await launchedSite(t);
  await publish(layout, "app-1.mjs", app());
  const running = launch(t, layout);
  const request = await inFlight(await running.port(), 300);
  const answered = once(request, "response");
  process.kill(-(running.process.pid ?? NaN), "SIGTERM");
  await answered;
  request.destroy();
  assert.equal(await running.exited, 0);
});

test("which signals count can be chosen; the others act as without the runtime", async (t) => {
  const running = await preloaded(t, app(), { env: { INPLACE_SIGNALS: "SIGTERM" } });
  await running.port();
  running.process.kill("SIGHUP");
  assert.equal(await running.exited, "SIGHUP");
});

test("closing standard input stops the app only where the launching program says so", async (t) => {
  const told = await preloaded(t, app(), { env: { INPLACE_STOP_ON_STDIN_END: "1" }, stdin: "pipe" });
  await told.port();
  told.process.stdin?.end();
  assert.equal(await told.exited, 0);
  const other = await preloaded(t, app(`process.stdin.on("end", () => console.log("ended")).resume();`), {
    stdin: "pipe",
  });
  const port = await other.port();
  other.process.stdin?.end();
  await until("the app to notice", () => other.stdout().includes("ended"));
  assert.equal(await fetchText(port), "");
});

test("a program that never listens ends as it would without the runtime, by itself and by a signal", async (t) => {
  const done = await preloaded(t, `setTimeout(() => { process.exitCode = 3; }, 10);`);
  assert.equal(await done.exited, 3);
  const waiting = await preloaded(t, `console.log("up"); setInterval(() => {}, 1e6);`);
  await until("it to run", () => waiting.stdout().includes("up"));
  waiting.process.kill("SIGTERM");
  assert.equal(await waiting.exited, "SIGTERM");
});

test("an app that closes its server by itself gets what Node gives: it answers what runs, and listens again", async (t) => {
  const running = await preloaded(
    t,
    app(`
      process.on("SIGUSR2", () => {
        server.close(() => server.listen(0, "127.0.0.1", () => console.log("again at " + server.address().port)));
      });`),
  );
  const request = await inFlight(await running.port(), 300, "slow");
  const answered = once(request, "response");
  running.process.kill("SIGUSR2");
  const [response] = (await answered) as [{ destroy(): void; resume(): void } & NodeJS.EventEmitter];
  response.resume();
  await once(response, "end");
  request.destroy();
  await until("it to listen again", () => running.stdout().includes("again at"));
  const port = Number(/again at (\d+)/.exec(running.stdout())?.[1]);
  assert.equal(await fetchText(port), "");
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 0);
});

test("an app under a launcher whose server closes, or is not to keep it alive, ends by itself", async (t) => {
  for (const ending of ["setTimeout(() => server.close(), 300);", "server.unref();"]) {
    const layout = await launchedSite(t);
    await publish(layout, "app-1.mjs", app(`${ending} setTimeout(() => {}, 400);`));
    assert.equal(await launch(t, layout).exited, 0);
  }
});

test("all servers of a process drain before it exits", async (t) => {
  const running = await preloaded(
    t,
    `${app()}
    const second = http.createServer((request, response) => setTimeout(() => response.end(), 500));
    second.listen(0, "127.0.0.1", () => console.log("port " + second.address().port));
    const internal = (await import("node:net")).createServer().listen(0);`,
  );
  const request = get({ host: "127.0.0.1", port: await running.port(2) });
  const [socket] = (await once(request, "socket")) as [NodeJS.EventEmitter];
  await once(socket, "connect");
  const answered = once(request, "response");
  await fetchText(await running.port(1));
  running.process.kill("SIGTERM");
  const [response] = (await answered) as [{ resume(): void }];
  response.resume();
  assert.equal(await running.exited, 0);
});

test("hooks that fail or never end do not keep the process from exiting", async (t) => {
  const running = await preloaded(
    t,
    `import { attach } from ${JSON.stringify(LIBRARY)};
    import http from "node:http";
    const server = http.createServer((request, response) => response.end());
    attach(server, {
      beforeDrain: () => { throw new Error("hook broke"); },
      afterDrain: () => new Promise(() => {}),
    });
    server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));`,
    { preload: false },
  );
  await running.port();
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 0);
  assert.match(running.stderr(), /a drain hook failed: hook broke/);
});

test("an http2 server and a plain TCP server take part as well", async (t) => {
  const running = await preloaded(
    t,
    `import http2 from "node:http2";
    import net from "node:net";
    const server = http2.createServer((request, response) => setTimeout(() => response.end("h2"), 300));
    server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
    net.createServer((socket) => socket.end("tcp")).listen(0, "127.0.0.1");`,
  );
  const session = connect(`http://127.0.0.1:${await running.port()}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  await once(session, "remoteSettings");
  const answer = text(stream);
  // Its settings were acknowledged after the request was sent, so the request has arrived.
  await once(session, "localSettings");
  running.process.kill("SIGTERM");
  assert.equal(await answer, "h2");
  assert.equal(await running.exited, 0);
});

test("attach makes an app take part without the preloaded runtime, and tells it that it drains", async (t) => {
  const layout = await launchedSite(t);
  const running = await preloaded(
    t,
    `import { attach } from ${JSON.stringify(LIBRARY)};
    import http from "node:http";
    const attached = attach(http.createServer((request, response) => response.end("attached")), {
      beforeDrain: () => console.log("before", attached.isDraining),
      afterDrain: (reports) => console.log("after", reports.length, attached.isDraining),
    });
    attached.draining.addEventListener("abort", () => console.log("draining"));
    attached.server.listen(0, "127.0.0.1", () => console.log("port " + attached.server.address().port));`,
    { preload: false, env: { INPLACE_SITE_ROOT: layout.root, INPLACE_ARTIFACT: "app-1.mjs" } },
  );
  assert.equal(await fetchText(await running.port()), "attached");
  await publish(layout, "app-2.mjs", app());
  assert.equal(await running.exited, 0);
  assert.match(running.stdout(), /before false\ndraining\nafter 1 true\n/);
  assert.equal(await readLastGood(layout), "app-1.mjs");
});

test("attach where the runtime is preloaded as well adds its options, and the process stops once", async (t) => {
  const running = await preloaded(
    t,
    `${app()}
    const { attach } = await import(${JSON.stringify(LIBRARY)});
    attach(server, { afterDrain: () => console.log("after") });
    console.log("attached");`,
  );
  await fetchText(await running.port());
  await until("attach to be called", () => running.stdout().includes("attached"));
  running.process.kill("SIGTERM");
  assert.equal(await running.exited, 0);
  assert.equal(running.stdout().match(/after/g)?.length, 1);
  assert.equal(running.stderr().match(/drained/g)?.length, 1);
});

test("the platform's module asks with its token: 202, then the app drains and exits with 0", async (t) => {
  const token = "5f0bd8a5-8f0e-4a83-a1b6-4b0d7a2f4a53";
  const running = await preloaded(t, app(), {
    env: { HTTP_PLATFORM_TOKEN: token, HTTP_PLATFORM_APPL_PATH: "/" },
  });
  const port = await running.port();
  const slow = await inFlight(port, 300);
  const answered = once(slow, "response");
  const response = await fetch(`http://127.0.0.1:${port}/iisintegration`, {
    method: "POST",
    headers: { "MS-ASPNETCORE-EVENT": "shutdown", "MS-ASPNETCORE-TOKEN": token },
  });
  assert.equal(response.status, 202);
  const [whole] = (await answered) as [{ statusCode: number; resume(): void }];
  whole.resume();
  assert.equal(whole.statusCode, 200);
  assert.equal(await running.exited, 0);
  assert.match(running.stderr(), /drained in \d+ ms \(the platform's module\)/);
});

test("INPLACE_HEALTH_PATH gives an unchanged app a health response", async (t) => {
  const running = await preloaded(t, app(), { env: { INPLACE_HEALTH_PATH: "/health" } });
  const response = await fetch(`http://127.0.0.1:${await running.port()}/health`);
  assert.deepEqual([response.status, await response.json()], [200, { status: "ok" }]);
});
