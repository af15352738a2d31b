import { equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { networkOf } from "#src/platform/proxy/connection-limits.js";
import { runProgram, startProgram } from "../rig/program.js";
import { PROJECT } from "../rig/project.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { FRAME, numberFrame, rawHttp2, requestFrame } from "./raw-http2.js";
import { serveSite, writeSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

const INPLACE = join(PROJECT, "bin", "inplace.js");

/** A connection that comes from an address of its own. */
async function from(
  t: TestContext,
  localAddress: string,
  port: number,
): Promise<{ socket: Socket; text: string }> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  const seen = { socket, text: "" };
  t.after(() => socket.destroy());
  socket.setEncoding("latin1").on("data", (text: string) => (seen.text += text));
  socket.on("error", () => undefined);
  await once(socket, "connect").catch(() => undefined);
  socket.write("GET / HTTP/1.1\r\nHost: site\r\n\r\n");
  return seen;
}

test("HTTP/1: one address has so many connections and no more; others have theirs", async (t) => {
  const site = await serveSite(t, { drainMs: 100, maxConnectionsPerAddress: 2 });
  const { port } = site.handler;
  const mine = [await from(t, "127.0.0.1", port), await from(t, "127.0.0.1", port)];
  await until("both are served", () => mine.every(({ text }) => text.includes("200 OK")));
  const third = await from(t, "127.0.0.1", port);
  await until("the third is closed", () => third.socket.closed);
  equal(third.text, "");
  const other = await from(t, "127.0.0.2", port);
  await until("another address is served", () => other.text.includes("200 OK"));
  mine[0]?.socket.destroy();
  await until("there is room again", async () => {
    const next = await from(t, "127.0.0.1", port);
    await until("it is served or closed", () => next.text !== "" || next.socket.closed);
    return next.text.includes("200 OK");
  });
});

test("HTTP/2: a connection and its streams count for their address; one stream too many is refused", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS, drainMs: 100, maxConnectionsPerAddress: 3 });
  const client = await rawHttp2(t, site.handler.port);
  for (const stream of [1, 3, 5]) client.send(requestFrame(stream, { path: "/wait" }));
  equal((await client.sees(FRAME.reset, 5)).payload.readUInt32BE(0), 7);
  const second = await from(t, "127.0.0.1", site.handler.port);
  await until("a second connection is closed before it costs a handshake", () => second.socket.closed);
  const other = await rawHttp2(t, site.handler.port, [], "127.0.0.2");
  other.send(requestFrame(1));
  await other.sees(FRAME.data, 1);
  client.send(numberFrame(FRAME.reset, 1, 8), requestFrame(7, { path: "/release" }));
  await client.sees(FRAME.data, 7);
});

test("an address is one in IPv4, however it is written, and a network of 64 bits in IPv6", () => {
  equal(networkOf("192.0.2.1"), "192.0.2.1");
  equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
  equal(networkOf("2001:db8:0:1::a"), networkOf("2001:DB8:0000:0001:ffff:ffff:ffff:ffff"));
  equal(networkOf("2001:db8::1"), networkOf("2001:db8:0:0:1::"));
  ok(networkOf("2001:db8:0:1::a") !== networkOf("2001:db8:0:2::a"));
  equal(networkOf("fe80::1%eth0"), networkOf("fe80::2%eth1"));
  equal(networkOf("::1"), networkOf("::"));
});

test("inplace serve takes the limit for an address as an option, and nothing but a number", async (t) => {
  const layout = await temporarySite(t);
  await writeSite(layout);
  const serve = (limit: string): readonly string[] => [
    INPLACE,
    "serve",
    "--site-root",
    layout.root,
    "--port",
    "0",
    "--max-connections-per-address",
    limit,
  ];
  const run = { cwd: layout.root };
  const wrong = await runProgram(t, process.execPath, serve("many"), run);
  equal(wrong.code, 2);
  match(wrong.stderr, /--max-connections-per-address many is not a whole number/);
  const program = startProgram(t, process.execPath, serve("1"), run);
  const listening = (): RegExpExecArray | undefined => /127\.0\.0\.1:(\d+)/.exec(program.output) ?? undefined;
  const [, port] = await until(() => `it listens: ${program.output}`, listening);
  const first = await from(t, "127.0.0.1", Number(port));
  await until("the first is served", () => first.text.includes("200 OK"));
  const second = await from(t, "127.0.0.1", Number(port));
  await until("the second is closed", () => second.socket.closed);
});
