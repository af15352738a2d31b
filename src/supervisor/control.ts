import { createHash } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { InplaceError, systemCode } from "../errors.ts";
import { OWN_FOLDER, type SiteLayout } from "../site/layout.ts";
import type { ControlRequest } from "./requests.ts";
import type { Supervisor } from "./supervisor.ts";

/** Longer requests are none of ours. Characters. */
const REQUEST_LIMIT = 4_096;
/** https://man7.org/linux/man-pages/man7/unix.7.html: 108 bytes, on other systems 104. */
const SOCKET_PATH_LIMIT = 100;

/** Where the supervisor of a site listens for the command: readable by its own account only. */
export function controlPath(layout: SiteLayout): string {
  const id = createHash("sha256").update(layout.root).digest("hex").slice(0, 16);
  if (process.platform === "win32") return `\\\\.\\pipe\\inplace-${id}`;
  const own = join(layout.root, OWN_FOLDER, "control.sock");
  return Buffer.byteLength(own) <= SOCKET_PATH_LIMIT ? own : join(tmpdir(), `inplace-${id}.sock`);
}

/** Answers the command until closed. Throws SUPERVISED_ALREADY where another supervisor of the site runs. */
export async function openControl(layout: SiteLayout, supervisor: Supervisor): Promise<{ close(): void }> {
  const path = controlPath(layout);
  const server = createServer((socket) => converse(socket, supervisor));
  await listen(server, path).catch(async (error: unknown) => {
    if (systemCode(error) !== "EADDRINUSE" || (await isAnswered(path))) throw taken(layout, error);
    // Left by a supervisor that was killed.
    await rm(path, { force: true });
    await listen(server, path);
  });
  return {
    /** Removes the socket's file too; what is being answered is answered. */
    close: () => void server.close(),
  };
}

async function listen(server: Server, path: string): Promise<void> {
  // Made for nobody else from the first moment on; a pipe of Windows is its creator's by default.
  const before = process.platform === "win32" ? undefined : process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    if (before !== undefined) process.umask(before);
  }
  await once(server, "listening");
  if (before !== undefined) await chmod(path, 0o600);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => answer(true)).once("error", () => answer(false));
  });
}

function taken(layout: SiteLayout, cause: unknown): InplaceError {
  return new InplaceError("SUPERVISED_ALREADY", `Another supervisor of ${layout.root} runs.`, { cause });
}

function converse(socket: Socket, supervisor: Supervisor): void {
  const gone = new AbortController();
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.once("close", () => gone.abort(new Error("Nobody waits any more.")));
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > REQUEST_LIMIT) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    const line = text.slice(0, end);
    text = "";
    void answer(line, supervisor, gone.signal).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
}

async function answer(line: string, supervisor: Supervisor, gone: AbortSignal): Promise<object> {
  try {
    return { answer: await answerTo(JSON.parse(line) as ControlRequest, supervisor, gone) };
  } catch (error) {
    if (!(error instanceof InplaceError)) return { error: { code: "INTERNAL", message: String(error) } };
    const { code, message, hint } = error;
    return { error: { code, message, hint } };
  }
}

async function answerTo(request: ControlRequest, supervisor: Supervisor, gone: AbortSignal): Promise<object> {
  switch (request.ask) {
    case "status":
      return supervisor.status();
    case "reload":
      return { reloading: supervisor.reload() };
    case "wait":
      return await supervisor.outcome(request.artifact, gone);
    case "rollback":
      return await supervisor.rollback(request, gone);
    default:
      return request satisfies never;
  }
}
