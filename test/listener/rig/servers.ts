import express from "express";
import { fastify } from "fastify";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TestContext } from "node:test";
import { stoppable } from "#src/listener/stoppable.js";
import type { StoppableOptions } from "#src/listener/options.js";
import type { DrainReport } from "#src/listener/report.js";
import { cert, key } from "./certificate.js";

/** Less than any deadline of a drain that none is set for, more than a loaded machine needs. */
export const SOON_MS = 15_000;

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A way to run an http/1 handler. */
export interface Protocol {
  readonly name: string;
  readonly tls: boolean;
  create(handler: Handler): Promise<Server>;
}

export const http1: Protocol = {
  name: "http",
  tls: false,
  create: async (handler) => http.createServer(handler),
};

export const httpsProtocol: Protocol = {
  name: "https",
  tls: true,
  create: async (handler) => https.createServer({ key, cert }, handler),
};

/** Everything that speaks http/1; the same tests hold for each. */
export const protocols: readonly Protocol[] = [
  http1,
  httpsProtocol,
  {
    name: "http/1.1 on an http2 server (allowHTTP1)",
    tls: true,
    create: async (handler) =>
      http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
        handler(request as unknown as http.IncomingMessage, response as unknown as http.ServerResponse);
      }),
  },
  {
    name: "Express",
    tls: false,
    create: async (handler) => http.createServer(express().use(handler)),
  },
  {
    name: "Fastify",
    tls: false,
    create: async (handler) => {
      const app = fastify();
      app.all("/*", (request, reply) => {
        reply.hijack();
        handler(request.raw, reply.raw);
      });
      app.removeAllContentTypeParsers();
      app.addContentTypeParser("*", (_request, _payload, done) => done(null));
      await app.ready();
      return app.server;
    },
  },
];

export interface RunningServer {
  readonly server: Server;
  readonly port: number;
  readonly tls: boolean;
  /** As the server sees them, in order; TLS sockets of TLS servers. */
  readonly sockets: readonly Socket[];
  readonly draining: AbortSignal;
  stop(): Promise<DrainReport>;
}

/** A stoppable server on a free port of 127.0.0.1, freed after the test. */
export async function serve(
  t: TestContext,
  protocol: Protocol,
  handler: Handler,
  options: StoppableOptions = {},
): Promise<RunningServer> {
  return listen(t, await protocol.create(handler), protocol.tls, options);
}

export async function listen(
  t: TestContext,
  server: Server,
  tls: boolean,
  options: StoppableOptions = {},
): Promise<RunningServer> {
  const listener = stoppable(server, options);
  const sockets: Socket[] = [];
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => sockets.push(socket));
  // So that nothing ends by this where a test expects the drain to end it.
  Object.assign(server, { keepAliveTimeout: 120_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return listener.stop();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, tls, sockets, draining: listener.draining, stop: () => listener.stop() };
}
