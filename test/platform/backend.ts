// A web application that drains and ends when it is asked to at /drain; the processPath of the tests' sites.
import type { Socket } from "node:net";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { WebSocketServer } from "ws";

let draining = false;
let reopened = false;

const server = createServer((request, response) => {
  response.setHeader("X-Pid", process.pid);
  const path = request.url?.split("?")[0] ?? "/";
  (ROUTES[path] ?? echo)(request, response);
});

const ROUTES: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  "/drain": (_request, response) => {
    drain();
    answer(response, "draining\n");
  },
  "/crash": () => process.exit(3),
  "/reset": (request) => request.socket.resetAndDestroy(),
  // Its listener closes and soon opens again, and this request's connection is lost with it: once.
  "/reopen": (request, response) => {
    if (reopened) return answer(response, `pid ${process.pid}\n`);
    reopened = true;
    server.close();
    request.socket.resetAndDestroy();
    setTimeout(listen, 300);
  },
  "/headers": (request, response) => answer(response, JSON.stringify(request.headers)),
  "/environment": (_request, response) => answer(response, JSON.stringify(process.env)),
  "/arguments": (_request, response) => answer(response, JSON.stringify(process.argv.slice(2))),
  // Answers when the next line comes in over /release; the client decides how long that takes.
  "/wait": (_request, response) => void waiting.push(response),
  "/release": (_request, response) => {
    for (const held of waiting.splice(0)) answer(held, "released\n");
    answer(response, "done\n");
  },
  "/never": () => void (unanswered += 1),
  "/pending": (_request, response) => answer(response, String(unanswered + waiting.length)),
  // One event now, and one more for every request to /event.
  "/events": (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: first\n\n");
    streams.add(response);
    response.on("close", () => {
      streams.delete(response);
      closedStreams += 1;
    });
  },
  "/event": (_request, response) => {
    for (const stream of streams) stream.write("data: next\n\n");
    answer(response, String(streams.size));
  },
  "/closed-streams": (_request, response) => answer(response, String(closedStreams)),
  "/hints": (_request, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    answer(response, "hinted\n");
  },
  "/trailers": (request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write(`sent ${JSON.stringify(request.trailers)}`);
      response.addTrailers({ "X-Sum": "42" });
      response.end();
    });
  },
  "/hop-by-hop": (_request, response) => {
    response.setHeader("Connection", "close, X-Private");
    response.setHeader("X-Private", "1");
    response.setHeader("Keep-Alive", "timeout=9");
    response.end("hop\n");
  },
  "/close-idle": (_request, response) => {
    answer(response, "closing\n");
    server.closeIdleConnections();
  },
  // Half a response, then the connection is cut.
  "/cut": (_request, response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write("half", () => response.socket?.resetAndDestroy());
  },
  "/until-close": (_request, response) => {
    response.socket?.end("HTTP/1.1 200 OK\r\n\r\nno length");
  },
  // The same, but for the end: a reset at the next /reset-halves.
  "/until-reset": ({ socket }) => {
    halves.push(socket);
    socket.write("HTTP/1.1 200 OK\r\n\r\nno length");
  },
  "/reset-halves": (_request, response) => {
    for (const socket of halves.splice(0)) socket.resetAndDestroy();
    answer(response, "reset\n");
  },
  "/large": (request, response) => {
    const bytes = Number(new URL(request.url ?? "/", "http://x").searchParams.get("bytes"));
    response.setHeader("Content-Length", bytes);
    response.end(Buffer.alloc(bytes, "x"));
  },
  // The bytes that the query names or that come, whatever they are; with X-Open the connection stays.
  "/raw": (request, response) => {
    const send = (bytes: Buffer): void => {
      if (request.headers["x-open"] === undefined) response.socket?.end(bytes);
      else response.socket?.write(bytes);
    };
    const [, query] = request.url?.split("?") ?? [];
    if (query !== undefined) {
      request.resume();
      send(Buffer.from(query, "base64url"));
      return;
    }
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => send(Buffer.concat(parts)));
  },
  "/connections": (_request, response) => {
    server.getConnections((_error, count) => answer(response, String(count)));
  },
  // Reads nothing of the body, and answers at the next /release.
  "/unread": (request, response) => {
    request.pause();
    waiting.push(response);
  },
  "/reject": (_request, response) => {
    response.statusCode = 413;
    answer(response, "too much\n");
  },
};

const halves: Socket[] = [];
const waiting: ServerResponse[] = [];
const streams = new Set<ServerResponse>();
let closedStreams = 0;
let unanswered = 0;

function echo(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => answer(response, `pid ${process.pid}\n${Buffer.concat(parts).toString()}`));
}

function answer(response: ServerResponse, text: string): void {
  if (draining) response.setHeader("Connection", "close");
  response.end(text);
}

const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => {
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
});

function drain(): void {
  draining = true;
  server.close(() => process.exit(0));
  for (const socket of sockets.clients) socket.close(1001, "new release");
}

process.on("SIGTERM", process.env["IGNORE_STOP"] === "1" ? () => undefined : drain);
// There is no SIGTERM on Windows: the handler closes its end of the input, as the runtime expects it to.
if (process.platform === "win32") process.stdin.on("end", drain).resume();
process.on("SIGUSR2", () => {
  for (const held of waiting.splice(0)) answer(held, "released\n");
});
listen();

function listen(): void {
  server.listen(Number(process.env["HTTP_PLATFORM_PORT"]), "127.0.0.1");
}
