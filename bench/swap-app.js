// The app that is swapped. Ours gets it as it is, the peers' with the lines that their documentation asks for.
import { TEST_TLS } from "../dist-test/platform/tls-certificate.js";

/** Source of version `version`. tls: over TLS. */
export function app(version, { tls = false } = {}) {
  const secure = { cert: String(TEST_TLS.cert), key: String(TEST_TLS.key) };
  return `
import { createServer } from ${tls ? '"node:https"' : '"node:http"'};
const server = createServer(${tls ? `${JSON.stringify(secure)}, ` : ""}(request, response) => {
  let length = 0;
  request.on("data", (chunk) => (length += chunk.length));
  request.on("end", () => {
    response.setHeader("x-version", ${JSON.stringify(version)});
    if (request.url === "/slow") setTimeout(() => response.end("slow"), 500);
    else response.end("${version} " + length);
  });
});
server.on("upgrade", (request, socket) => {
  socket.on("error", () => socket.destroy());
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n");
  socket.pipe(socket);
});
const fd = Number(process.env.LISTEN_FDS) > 0 ? 3 : undefined;
server.listen(fd === undefined ? process.env.PORT : { fd }, () => process.send?.("ready"));
`;
}

/** What a careful author adds for tools that do not do it: on the tool's signal, close and end. */
export function peerApp(version, options) {
  return `${app(version, options)}
const end = () => server.close(() => process.exit(0));
process.once("SIGINT", end).once("SIGTERM", end);
process.on("disconnect", end);
`;
}
