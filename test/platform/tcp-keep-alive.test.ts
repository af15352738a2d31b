import { execFile } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { until } from "../rig/until.js";
import { rawApplication } from "./raw-application.js";
import { TEST_TLS } from "./tls-certificate.js";

const HOST = "127.0.0.1";
const UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const EVENTS = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/** The system's own list of connections says so. */
async function systemLooksFor(port: number): Promise<void> {
  const served = ["-tnoH", "state", "established", `sport = :${port}`];
  await until("the system looks for the client", async () =>
    (await promisify(execFile)("ss", served)).stdout.includes("timer:(keepalive,"),
  );
}

function asks(t: TestContext, socket: Socket): void {
  t.after(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write(UPGRADE);
}

for (const [what, answer] of [
  ["is upgraded", SWITCHED],
  ["reads an answer that goes on", EVENTS],
  ["waits for an answer", ""],
] as const) {
  test(`a client that vanishes without a word is looked for by the system while it ${what}, with and without TLS`, async (t) => {
    const reached = (text: string, send: (text: string) => void): void => {
      if (text.startsWith("GET ") && answer !== "") send(answer);
    };
    const requestTimeout = 'requestTimeout="01:00:00"';
    const plain = await rawApplication(t, reached, {}, requestTimeout);
    asks(t, connect({ port: plain.port, host: HOST }));
    await systemLooksFor(plain.port);
    const secure = await rawApplication(t, reached, { tls: TEST_TLS }, requestTimeout);
    asks(t, connectTls({ port: secure.port, host: HOST, rejectUnauthorized: false }));
    await systemLooksFor(secure.port);
  });
}

test("a client that vanishes without a word is looked for by the system on a connection of HTTP/2", async (t) => {
  const { port } = await rawApplication(t, () => undefined, { tls: TEST_TLS });
  const session = connectHttp2(`https://${HOST}:${port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  session.request({ ":path": "/" }).on("error", () => undefined);
  await systemLooksFor(port);
});
