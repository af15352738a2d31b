// The ways to stop a server that are compared. Each takes (server, app) and gives a function that stops it and resolves
// when it says that it is done. All get the same deadline.
import { createTerminus } from "@godaddy/terminus";
import { fastify } from "fastify";
import gracefulShutdown from "http-graceful-shutdown";
import { createHttpTerminator } from "http-terminator";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import makeStoppable from "stoppable";
import { stoppable } from "../dist/listener/stoppable.js";
import { cert, key } from "../dist-test/listener/rig/certificate.js";

export const DEADLINE_MS = 5_000;

const create = {
  http: (handler) => http.createServer(handler),
  https: (handler) => https.createServer({ key, cert }, handler),
  h2c: (handler) => http2.createServer(handler),
  h2: (handler) => http2.createSecureServer({ key, cert }, handler),
};

const onServer = (prepare) => async (kind, handler) => {
  const server = create[kind](handler);
  return { server, stop: prepare(server) };
};

export const subjects = {
  "this listener": onServer((server) => {
    const listener = stoppable(server, { deadlineMs: DEADLINE_MS });
    return () => listener.stop();
  }),
  "node core": onServer((server) => () => new Promise((resolve) => server.close(resolve))),
  stoppable: onServer((server) => {
    makeStoppable(server, DEADLINE_MS);
    return () => new Promise((resolve) => server.stop(resolve));
  }),
  "http-terminator": onServer((server) => {
    const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: DEADLINE_MS });
    return () => terminator.terminate();
  }),
  "http-graceful-shutdown": onServer((server) => {
    const options = { timeout: DEADLINE_MS, signals: "", forceExit: false };
    return gracefulShutdown(server, options);
  }),
  terminus: onServer((server) => {
    createTerminus(server, { timeout: DEADLINE_MS, signals: ["SIGUSR2"], useExit0: true });
    // It drains on a signal and then ends the process, which is also the one that measures here.
    return () =>
      new Promise((resolve) => {
        process.exit = resolve;
        process.emit("SIGUSR2");
      });
  }),
  fastify: async (kind, handler) => {
    const options = {
      http: {},
      https: { https: { key, cert } },
      h2c: { http2: true },
      h2: { http2: true, https: { key, cert } },
    };
    const app = fastify(options[kind]);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    app.all("/*", (request, reply) => {
      reply.hijack();
      handler(request.raw, reply.raw);
    });
    await app.ready();
    return { server: app.server, stop: () => app.close() };
  },
};
