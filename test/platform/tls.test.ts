import { deepEqual, equal, match } from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { freePort } from "../rig/free-port.js";
import { unlessInstalled } from "../rig/installed.js";
import { startInplace } from "../rig/source.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { CertificateRenewal } from "#src/platform/certificate.js";
import { serveSite, writeSite, type ServedSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

const run = promisify(execFile);

async function serveTls(
  t: TestContext,
): Promise<{ readonly site: ServedSite; readonly session: ClientHttp2Session }> {
  const site = await serveSite(t, { tls: TEST_TLS });
  const session = connectHttp2(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  return { site, session };
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly text: string;
}

async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let trailers: IncomingHttpHeaders = {};
  stream.on("trailers", (fields: IncomingHttpHeaders) => (trailers = fields));
  const [answered] = (await once(stream, "response")) as [IncomingHttpHeaders];
  let text = "";
  for await (const part of stream.setEncoding("utf8")) text += String(part);
  return { headers: answered, trailers, text };
}

test("HTTP/2 over TLS: many requests at a time on one connection, with bodies of both kinds", async (t) => {
  const { session } = await serveTls(t);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => ask(session, { ":method": "POST", ":path": `/${n}` }, `body ${n}`)),
  );
  for (const [n, answer] of answers.entries()) {
    equal(answer.headers[":status"], 200);
    match(answer.text, new RegExp(`^pid \\d+\\nbody ${n}$`));
    equal(answer.headers.connection, undefined);
  }
  equal((await ask(session, { ":method": "POST", "content-length": 3 }, "abc")).text.endsWith("\nabc"), true);
});

test("HTTP/2: the application sees host, scheme and client; cookies come as one field", async (t) => {
  const { session } = await serveTls(t);
  const { text } = await ask(session, {
    ":path": "/headers",
    ":authority": "My.Site",
    cookie: ["a=1", "b=2"],
    "ms-aspnetcore-token": "x",
  });
  deepEqual(JSON.parse(text), {
    host: "My.Site",
    cookie: "a=1; b=2",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "My.Site",
  });
});

test("HTTP/2: HEAD, trailers, a large response and one that is broken off", async (t) => {
  const { session } = await serveTls(t);
  const head = await ask(session, { ":method": "HEAD", ":path": "/large?bytes=1000" });
  equal(head.headers["content-length"], "1000");
  equal((await ask(session, { ":method": "POST", ":path": "/trailers" }, "x")).trailers["x-sum"], "42");
  equal((await ask(session, { ":path": "/large?bytes=3000000" })).text.length, 3_000_000);
  const cut = session.request({ ":path": "/cut" });
  const failed = once(cut, "error");
  cut.resume();
  equal(((await failed)[0] as NodeJS.ErrnoException).code, "ERR_HTTP2_STREAM_ERROR");
});

test("HTTP/2: requests during a swap are held, and a client that resets its stream is seen by the application", async (t) => {
  const { site, session } = await serveTls(t);
  await ask(session, { ":path": "/drain" });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(session, { ":path": "/" })));
  deepEqual(new Set(answers.map(({ headers }) => headers[":status"])), new Set([200]));
  equal(site.count("backend-exited"), 1);
  const stream = session.request({ ":path": "/events" });
  await once(stream, "response");
  stream.close();
  await until(
    "the stream is closed",
    async () => (await ask(session, { ":path": "/closed-streams" })).text === "1",
  );
});

test("HTTP/1.1 and WebSocket over TLS on the same port", async (t) => {
  const { site } = await serveTls(t);
  const { port } = site.handler;
  const asked = httpsRequest({ host: "127.0.0.1", port, rejectUnauthorized: false, path: "/headers" });
  asked.end();
  const [response] = (await once(asked, "response")) as [AsyncIterable<Buffer>];
  let text = "";
  for await (const part of response) text += part.toString();
  match(text, /"x-forwarded-proto":"https"/);
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  await once(socket, "open");
  socket.send("hello");
  equal(String((await once(socket, "message"))[0]), "hello");
  socket.close();
});

/** The name in the certificate that a new connection is shown. */
async function shown(port: number): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(20_000) });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test(
  "inplace serve takes a renewed certificate for new connections and keeps the others; a broken one changes nothing",
  unlessInstalled("openssl"),
  async (t) => {
    const layout = await temporarySite(t);
    await writeSite(layout);
    const [cert, key] = [join(layout.root, "cert.pem"), join(layout.root, "key.pem")];
    const names = ["localhost", "renewed.example", "again.example"];
    const pairs = await Promise.all(
      names.slice(1).map(async (name) => {
        const [certPath, keyPath] = [join(layout.root, `${name}.crt`), join(layout.root, `${name}.key`)];
        const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        await run("openssl", [...made, "-subj", `/CN=${name}`, "-out", certPath, "-keyout", keyPath]);
        return { cert: await readFile(certPath), key: await readFile(keyPath) };
      }),
    );
    await writeFile(cert, TEST_TLS.cert);
    await writeFile(key, TEST_TLS.key);
    const port = await freePort();
    const options = ["serve", "--port", String(port), "--tls-cert", cert, "--tls-key", key];
    const served = startInplace(t, options, { cwd: layout.root });
    await until("it listens", () => served.output.includes("serving on"));
    equal(await shown(port), "localhost");
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    t.after(() => session.destroy());
    await ask(session, { ":path": "/" });

    for (const [index, pair] of pairs.entries()) {
      // One file after the other, as most programs do, and half of one at first.
      await writeFile(cert, pair.cert.subarray(0, 100));
      if (index === 0)
        await until("it says so", () => served.stderr.includes("the certificate stays as it is"));
      await writeFile(cert, pair.cert);
      await writeFile(key, pair.key);
      if (index === 1) process.kill(served.pid, "SIGHUP");
      await until("it is shown", async () => (await shown(port)) === names[index + 1]);
    }
    const told = (): number => served.stderr.split("the certificate stays as it is").length - 1;
    const before = told();
    await writeFile(key, "nonsense");
    await until("it says so", () => told() > before);
    equal(await shown(port), "again.example");
    equal((await ask(session, { ":path": "/" })).headers[":status"], 200);
  },
);

test("a certificate that is renewed before the handler listens is taken as soon as it does", async (t) => {
  const folder = await temporaryFolder(t);
  const [certPath, keyPath] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const renewal = await CertificateRenewal.of({ certPath, keyPath });
  t.after(() => renewal.close());
  await writeFile(certPath, TEST_TLS.cert);
  await writeFile(keyPath, TEST_TLS.key);
  const taken: unknown[] = [];
  renewal.begin({ renew: ({ cert }) => void taken.push(String(cert)), events: () => undefined });
  await until("it is taken", () => taken.length > 0);
  equal(taken[0], String(TEST_TLS.cert));
});
