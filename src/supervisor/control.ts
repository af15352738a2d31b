import { chmod, lstat, rm } from "node:fs/promises";
import { createServer, connect, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { asInplaceError, InplaceError, systemCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { controlUnavailable, makeControlPlace, mayBeSupervisor } from "./control-place.ts";
import { parseRequest, type ControlRequest } from "./requests.ts";
import type { Supervisor } from "./supervisor.ts";

/** Longer requests are none of ours. Characters. */
const REQUEST_LIMIT = 4_096;
/** Who takes no connection within this time is busy, and there. Milliseconds. */
const CONNECT_LIMIT_MS = 5_000;
const NOBODY: ReadonlySet<string | undefined> = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK"]);
/** Too many connections wait already: somebody is there. The second is how Windows says so of a pipe. */
const BUSY: ReadonlySet<string | undefined> = new Set(["EAGAIN", "EBUSY"]);

/** How often it is looked whether the socket is still where it was made: less than another supervisor takes to start. Milliseconds. */
const KEEP_MS = 250;

/**
 * Answers the command until closed, also where somebody removes the socket's file (git clean). Throws SUPERVISED_ALREADY where
 * another supervisor of the site runs, CONTROL_UNAVAILABLE where nobody can listen.
 */
export async function openControl(layout: SiteLayout, supervisor: Supervisor): Promise<{ close(): void }> {
  let opened = await open(layout, supervisor);
  let keeping = false;
  let closed = false;
  const timer = setInterval(() => {
    if (!keeping) void keep();
  }, KEEP_MS);
  timer.unref();
  // A pipe of Windows has no file that could go.
  if (process.platform === "win32") clearInterval(timer);

  async function keep(): Promise<void> {
    keeping = true;
    try {
      const inode = await inodeOf(opened.path);
      if (closed || inode === opened.inode) return;
      // Its end removes whatever lies in its place, which may be another supervisor's.
      if (inode === undefined) opened.server.close();
      opened = await open(layout, supervisor);
      if (closed) opened.server.close();
    } catch (error) {
      // Else it is tried again soon: the site is served all the same.
      if (error instanceof InplaceError && error.code === "SUPERVISED_ALREADY") clearInterval(timer);
    } finally {
      keeping = false;
    }
  }

  return {
    /** Removes the socket's file too; what is being answered is answered. */
    close() {
      closed = true;
      clearInterval(timer);
      opened.server.close();
    },
  };
}

interface OpenControl {
  readonly server: Server;
  readonly path: string;
  readonly inode: bigint | undefined;
}

async function open(layout: SiteLayout, supervisor: Supervisor): Promise<OpenControl> {
  const path = await makeControlPlace(layout);
  const server = createServer((socket) => converse(socket, supervisor));
  await listen(server, path)
    .catch(async (cause: unknown) => {
      if (systemCode(cause) !== "EADDRINUSE") throw cause;
      if (await isHeld(layout, path))
        throw new InplaceError("SUPERVISED_ALREADY", `Another supervisor of ${layout.root} runs.`, { cause });
      // Left by a supervisor that was killed, or put there by a stranger.
      if (process.platform !== "win32") await rm(path, { force: true });
      await listen(server, path);
    })
    .catch((error: unknown) => {
      throw error instanceof InplaceError ? error : controlUnavailable(path, error);
    });
  return { server, path, inode: await inodeOf(path) };
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return (await lstat(path, { bigint: true }).catch(() => undefined))?.ino;
}

/** Whether a supervisor of the site answers there. Throws CONTROL_UNAVAILABLE where that cannot be known. */
async function isHeld(layout: SiteLayout, path: string): Promise<boolean> {
  return (await mayBeSupervisor(layout, path)) && (await isAnswered(path));
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
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const answer = (answered: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(answered);
    };
    const late = setTimeout(() => answer(true), CONNECT_LIMIT_MS);
    socket.once("connect", () => answer(true));
    socket.once("error", (error) => {
      const code = systemCode(error);
      if (NOBODY.has(code) || BUSY.has(code)) return answer(BUSY.has(code));
      // A pipe of Windows lasts no longer than who made it.
      if (process.platform === "win32") return answer(true);
      clearTimeout(late);
      reject(notKnown(path, error));
    });
  });
}

/** As where a supervisor of another account was killed, and its socket is left. */
function notKnown(path: string, cause: Error): InplaceError {
  const what = `It cannot be known whether a supervisor of another account listens at ${path}`;
  return new InplaceError("CONTROL_UNAVAILABLE", `${what} (${systemCode(cause)}).`, {
    cause,
    hint: "Where none runs, remove that file; the site is served all the same.",
  });
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
    return { answer: await answerTo(parseRequest(line), supervisor, gone) };
  } catch (error) {
    const { code, message, hint } = asInplaceError(error);
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
