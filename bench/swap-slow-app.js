// The app of `swap --slow`: a download of twenty seconds, an event stream, a WebSocket, Socket.IO by polling, and short answers.

export const DOWNLOAD_MS = 20_000;
/** Bytes of the whole download. */
export const DOWNLOAD_LENGTH = 100_000;
const PARTS = 100;

/** Source of version `version`, one file. */
export function slowApp(version) {
  return `
import { createServer } from "node:http";
import { Server as SocketServer } from "socket.io";
import { WebSocketServer } from "ws";

const version = ${JSON.stringify(version)};
const part = "x".repeat(${DOWNLOAD_LENGTH / PARTS});
const server = createServer((request, response) => {
  response.setHeader("x-version", version);
  if (request.url === "/download") download(response);
  else if (request.url === "/events") events(response);
  else response.end(version);
});

function download(response) {
  response.setHeader("content-length", ${DOWNLOAD_LENGTH});
  let left = ${PARTS};
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return response.write(part);
    clearInterval(timer);
    response.end(part);
  }, ${DOWNLOAD_MS / PARTS});
  response.on("close", () => clearInterval(timer));
}

function events(response) {
  response.writeHead(200, { "content-type": "text/event-stream" }).write("data: hello\\n\\n");
  const timer = setInterval(() => response.write("data: tick\\n\\n"), 200);
  response.on("close", () => clearInterval(timer));
}

const sockets = new WebSocketServer({ noServer: true });
const hub = new SocketServer(server, { transports: ["polling"] });
hub.on("connection", (socket) => socket.on("order", (order, taken) => taken(order)));
server.on("upgrade", (request, socket, head) => {
  if (request.url !== "/echo") return;
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("message", (data) => client.send(data.toString()));
  });
});
server.listen(process.env.PORT);
`;
}
