import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import {
  startPlatformHandler,
  type PlatformHandler,
  type PlatformHandlerOptions,
} from "#src/platform/handler.js";
import { temporarySite } from "../rig/temporary-site.js";
import { webConfig } from "./site.js";

export interface RawApplication {
  /** Of the handler. */
  readonly port: number;
  /** What answers behind it. */
  readonly server: Server;
}

/** A handler in front of a socket that shows what reaches it, Latin-1. The socket's port takes the place of the child's. */
export async function rawApplication(
  t: TestContext,
  reached: (text: string, answer: (text: string) => void, socket: Socket) => void,
  options: Partial<PlatformHandlerOptions> = {},
  attributes = "",
): Promise<RawApplication> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setEncoding("latin1");
    socket.on("error", () => undefined);
    socket.on("data", (text: string) => reached(text, (answer) => socket.write(answer, "latin1"), socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address() as { port: number };
  // Before the folder's own clean-up.
  const running: PlatformHandler[] = [];
  t.after(() => Promise.all(running.map((each) => each.stop())));
  const layout = await temporarySite(t);
  await writeFile(layout.webConfig, webConfig(`processPath=".\\launch.cmd" ${attributes}`));
  await writeFile(
    `${layout.root}/launch.sh`,
    `exec "${process.execPath}" -e '${FORWARDER}' ${address.port}\n`,
  );
  // What answers never need not be waited for at the end.
  const handler = await startPlatformHandler({ siteRoot: layout.root, port: 0, drainMs: 500, ...options });
  running.push(handler);
  return { port: handler.port, server };
}

/** Joins the port that the handler chose with the test's own server, byte by byte. */
const FORWARDER =
  'const net = require("net");' +
  "net.createServer({ allowHalfOpen: true }, (from) => {" +
  '  const to = net.connect({ port: Number(process.argv[1]), host: "127.0.0.1", allowHalfOpen: true });' +
  "  from.pipe(to).pipe(from);" +
  '  for (const socket of [from, to]) socket.on("error", () => undefined).on("close", () => { from.destroy(); to.destroy(); });' +
  '}).listen(Number(process.env.PORT), "127.0.0.1");';
