// What is compared: each gives { sent, lost }, and the time from the call of stop to its end is measured around it.
import { once } from "node:events";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { RawClient } from "../dist-test/listener/rig/raw-client.js";
import { RawHttp2Client } from "../dist-test/listener/rig/raw-http2.js";

const MANY = 200;
const SOME = 20;
const LARGE = 8 * 1024 * 1024;
/** Longer than the deadline that every way of stopping gets. */
const PATIENCE_MS = 7_000;
const GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

const turn = () => new Promise(setImmediate);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ok = (_request, response) => response.end("ok");
const slow = (ms) => (_request, response) => setTimeout(() => response.end("ok"), ms);
const echo = (request, response) => request.pipe(response);
const times = (n, make) => Promise.all(Array.from({ length: n }, make));

/** How many of the connections got fewer whole answers than they asked for, in answers. */
async function lostAnswers(clients, each = 1) {
  const answers = await Promise.all(
    clients.map((client) => Promise.race([client.responses(each), later(PATIENCE_MS).then(() => [])])),
  );
  const whole = answers.map((found) => found.filter(({ status }) => status === 200).length);
  for (const client of clients) client.socket.end();
  return { sent: clients.length * each, lost: clients.length * each - whole.reduce((a, b) => a + b, 0) };
}

async function begun(client, text) {
  await client.until("the head", () => (client.text.includes(text) ? true : undefined));
}

export const behaviours = {
  "1 queued in the kernel": {
    handler: ok,
    async run({ port, stop }) {
      const clients = Array.from({ length: MANY }, () => RawClient.begin({ port, tls: false }).write(GET));
      stop();
      return lostAnswers(clients);
    },
  },
  "2 idle: request in the kernel": {
    handler: ok,
    async run({ port, stop }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) await client.write(GET).responses(1);
      for (const client of clients) client.write(GET);
      stop();
      const { lost } = await lostAnswers(clients, 2);
      return { sent: SOME, lost };
    },
  },
  "2 idle: used every 20 ms": {
    handler: ok,
    async run({ port, stop }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      let [sent, lost, stopped] = [0, 0, false];
      const loops = clients.map(async (client, index) => {
        await later(index);
        for (let n = 1; !stopped || n < 5; n += 1) {
          sent += 1;
          const answer = (await client.write(GET).responses(n))[n - 1];
          if (answer === undefined) lost += 1;
          if (answer?.connection !== "keep-alive") break;
          await later(20);
        }
        client.socket.end();
      });
      await later(100);
      stop();
      stopped = true;
      await Promise.all(loops);
      return { sent, lost };
    },
  },
  "2 idle: POST crosses the close, reset": {
    handler: echo,
    async run({ port, stop, sockets }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) await client.write(GET).responses(1);
      const errors = new Set();
      for (const client of clients) client.socket.on("error", () => errors.add(client));
      stop();
      const closed = () => sockets.every((socket) => socket.writableFinished || socket.destroyed);
      for (const end = Date.now() + 1_000; !closed() && Date.now() < end;) await turn();
      // A body in two pieces: if the first is met by RST, the second fails.
      for (const client of clients) {
        client.write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nfirst");
      }
      await later(50);
      for (const client of clients) client.write("later");
      await later(50);
      for (const client of clients) client.socket.end();
      return { sent: SOME, lost: errors.size };
    },
  },
  "3 in flight": {
    handler: slow(400),
    async run({ port, stop, got }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) client.write(GET);
      await got(SOME);
      stop();
      return lostAnswers(clients);
    },
  },
  "3 in flight, https": {
    kind: "https",
    handler: slow(400),
    async run({ port, stop, got }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: true }));
      for (const client of clients) client.write(GET);
      await got(SOME);
      stop();
      return lostAnswers(clients);
    },
  },
  "3 head sent, then reused": {
    handler(_request, response) {
      response.write("begun, ");
      setTimeout(() => response.end("done"), 200);
    },
    async run({ port, stop }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) client.write(GET);
      for (const client of clients) await begun(client, "begun");
      stop();
      await Promise.all(
        clients.map(async (client) => {
          await client.responses(1);
          await later(10);
          client.write(GET);
        }),
      );
      return lostAnswers(clients, 2);
    },
  },
  "3 pipelined, 3 each": {
    handler: slow(400),
    async run({ port, stop, got }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) client.write(GET + GET + GET);
      await got(3 * SOME);
      stop();
      return lostAnswers(clients, 3);
    },
  },
  "4 8 MB to a slow reader": {
    handler: (_request, response) => response.end("x".repeat(LARGE)),
    async run({ port, stop, server }) {
      const client = await RawClient.connect({ port, tls: false });
      client.socket.pause();
      client.write(GET);
      await once(server, "request");
      stop();
      await later(100);
      client.socket.resume();
      await Promise.race([client.ended, later(2_000)]);
      return lostAnswers([client]);
    },
  },
  "5 half a head, completed": {
    handler: ok,
    async run({ port, stop, sockets }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) client.write(GET.slice(0, 10));
      while (sockets.filter((socket) => socket.bytesRead > 0).length < SOME) await turn();
      stop();
      await later(100);
      for (const client of clients) client.write(GET.slice(10));
      return lostAnswers(clients);
    },
  },
  "5 half a body, completed": {
    handler: echo,
    async run({ port, stop, got }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) {
        client.write("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nfirst");
      }
      await got(SOME);
      stop();
      await later(100);
      for (const client of clients) client.write("later");
      return lostAnswers(clients);
    },
  },
  "6 preconnect": {
    handler: ok,
    async run({ port, stop }) {
      const client = await RawClient.connect({ port, tls: false });
      await later(100);
      stop();
      void client.ended.then(() => client.socket.end());
      return {};
    },
  },
  "6 TLS handshake not begun": {
    kind: "https",
    handler: ok,
    async run({ port, stop }) {
      const socket = connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume();
      await once(socket, "connect");
      await later(100);
      stop();
      return {};
    },
  },
  "7 WebSocket told 1001": {
    handler: ok,
    async run({ port, stop, server }) {
      const sockets = new WebSocketServer({ server });
      const clients = await times(SOME, async () => {
        const client = new WebSocket(`ws://127.0.0.1:${port}`);
        await once(client, "open");
        return client;
      });
      const codes = clients.map((client) => Promise.race([once(client, "close"), later(2_000)]));
      stop();
      const told = (await Promise.all(codes)).filter((end) => end?.[0] === 1001).length;
      sockets.close();
      return { sent: SOME, lost: SOME - told };
    },
  },
  "7 event stream ended whole": {
    handler(_request, response) {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
    },
    async run({ port, stop }) {
      const clients = await times(SOME, () => RawClient.connect({ port, tls: false }));
      for (const client of clients) client.write(GET);
      for (const client of clients) await begun(client, "data: 1");
      stop();
      return lostAnswers(clients);
    },
  },
  "8 h2 over TLS, in flight": {
    kind: "h2",
    handler: slow(400),
    async run({ port, stop, got }) {
      const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
      session.on("error", () => undefined);
      await once(session, "remoteSettings");
      const bodies = Array.from({ length: SOME }, async () => {
        const stream = session.request({ ":path": "/" });
        let body = "";
        stream.on("data", (chunk) => (body += chunk)).on("error", () => undefined);
        await new Promise((resolve) => stream.on("close", resolve));
        return body;
      });
      await got(SOME);
      stop();
      const whole = (await Promise.all(bodies)).filter((body) => body === "ok").length;
      return { sent: SOME, lost: SOME - whole };
    },
  },
  "8 h2c, request in the kernel": {
    kind: "h2c",
    handler: ok,
    async run({ port, stop }) {
      const clients = await times(SOME, () => RawHttp2Client.connect({ port, tls: false }));
      await later(100);
      for (const client of clients) client.get(1);
      stop();
      const answered = await Promise.all(
        clients.map((client) => Promise.race([client.body(1), client.raw.ended, later(2_000)])),
      );
      for (const client of clients) client.raw.socket.end();
      return { sent: SOME, lost: answered.filter((body) => body !== "ok").length };
    },
  },
  "8 h2 idle session": {
    kind: "h2",
    handler: ok,
    async run({ port, stop }) {
      const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
      session.on("error", () => undefined);
      await once(session, "remoteSettings");
      await later(100);
      stop();
      return {};
    },
  },
};
