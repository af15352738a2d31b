import { doesNotMatch, equal, match } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { inplace } from "../rig/source.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { FRAME, frame, rawHttp2, requestFrame } from "./raw-http2.js";
import { serveSite, type ServedSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

async function secure(t: TestContext, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket.on("error", () => undefined).resume();
}

function plain(t: TestContext, port: number): Socket {
  const socket = connectPlain({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  return socket.on("error", () => undefined).resume();
}

async function serves(t: TestContext, site: ServedSite): Promise<void> {
  const client = await rawHttp2(t, site.handler.port);
  client.send(requestFrame(1));
  await client.sees(FRAME.data, 1);
  client.socket.destroy();
  equal(site.count("defect-contained"), 0);
}

test("a certificate and a key that do not belong together are an error of the command line", async (t) => {
  const folder = await temporaryFolder(t);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  await writeFile(join(folder, "cert.pem"), TEST_TLS.cert);
  await writeFile(join(folder, "key.pem"), TEST_TLS.key);
  await writeFile(join(folder, "other.pem"), other.export({ type: "pkcs8", format: "pem" }));
  await writeFile(join(folder, "junk.pem"), "junk");
  for (const [cert, key] of [
    ["key.pem", "cert.pem"],
    ["cert.pem", "other.pem"],
    ["junk.pem", "key.pem"],
  ] as const) {
    const args = ["serve", "--port", "0", "--tls-cert", cert, "--tls-key", key];
    const { code, stderr } = await inplace(t, args, { cwd: folder });
    equal(code, 2, stderr);
    match(stderr, new RegExp(`${cert} and .*${key} are no certificate and its key`));
    doesNotMatch(stderr, /INTERNAL|\n +at /);
  }
});

test("TLS: what is no handshake, and a connection that breaks in the middle of one or right after it, harm nobody", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const { port } = site.handler;
  for (const bytes of [
    "GET / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x00\x05hello",
    "\x16\x03\x01\xff\xff",
    "\x00".repeat(99),
  ]) {
    const socket = plain(t, port);
    socket.end(bytes, "latin1");
    await until("it is closed", () => socket.closed);
  }
  const half = plain(t, port);
  await once(half, "connect");
  half.write("\x16\x03\x01\x00\xf0", "latin1", () => half.resetAndDestroy());
  for (const protocols of [["h2"], ["http/1.1"], undefined]) {
    const options = protocols === undefined ? {} : { ALPNProtocols: protocols };
    (await secure(t, port, options)).destroy();
    const garbage = await secure(t, port, options);
    garbage.end(Buffer.alloc(1_000, 0xff));
    await until("it is closed", () => garbage.closed);
  }
  await secure(t, port, { ALPNProtocols: ["spdy/1"] }).catch(() => undefined);
  await serves(t, site);
});

test("TLS: a head that cannot be decoded ends its connection and nothing else (CVE-2025-59465)", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  for (const block of [Buffer.alloc(16_000, 0xff), Buffer.alloc(5, 0x3f), Buffer.from([0x80])]) {
    const client = await rawHttp2(t, site.handler.port);
    client.send(frame(FRAME.headers, 5, 1, block));
    await client.sees(FRAME.goaway, 0);
    client.socket.destroy();
  }
  await serves(t, site);
});

test("TLS: a client cannot negotiate again, and with it neither wear us out nor change its name (CVE-2026-123872)", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const socket = await secure(t, site.handler.port, { maxVersion: "TLSv1.2" });
  let again = false;
  socket.renegotiate({ rejectUnauthorized: false }, (error) => (again = error === null));
  await until("it is refused", () => socket.closed);
  equal(again, false);
  await serves(t, site);
});

test("TLS: who never ends a handshake does not keep the handler from stopping", async (t) => {
  const site = await serveSite(t, { tls: TEST_TLS });
  const silent = plain(t, site.handler.port);
  await once(silent, "connect");
  await serves(t, site);
  await site.handler.stop();
  await until("it is closed", () => silent.closed, 2_000);
});
