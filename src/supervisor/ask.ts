import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ERROR_CODES, InplaceError, systemCode, type ErrorCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { controlPath } from "./control.ts";
import type { ControlAnswers, ControlRequest } from "./requests.ts";

/** A successor has the channel within this time. Milliseconds. */
const AGAIN_MS = 500;
const BROKEN: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);
const NOBODY: ReadonlySet<string | undefined> = new Set(["ENOENT", "ECONNREFUSED"]);

/** Asks the supervisor of the site; undefined where none runs. Rejects with its error, or the signal's reason. */
export async function askSupervisor<K extends ControlRequest["ask"]>(
  layout: SiteLayout,
  request: Extract<ControlRequest, { readonly ask: K }>,
  signal: AbortSignal,
): Promise<ControlAnswers[K] | undefined> {
  const line = `${JSON.stringify(request)}\n`;
  let text = await exchange(controlPath(layout), line, signal);
  if (text === "") {
    // It has ended, or given its place to its successor.
    await delay(AGAIN_MS, undefined, { signal });
    text = await exchange(controlPath(layout), line, signal);
  }
  if (text === undefined) return undefined;
  const reply = parse(text);
  if (reply.answer !== undefined) return reply.answer as ControlAnswers[K];
  const { code = "INTERNAL", message = "The supervisor ended before it answered.", hint } = reply.error ?? {};
  throw new InplaceError(
    code in ERROR_CODES ? code : "INTERNAL",
    message,
    hint === undefined ? {} : { hint },
  );
}

interface Reply {
  readonly answer?: unknown;
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
}

function parse(text: string): Reply {
  return text === "" ? {} : (JSON.parse(text) as Reply);
}

function exchange(path: string, line: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect(path);
    let text = "";
    const aborted = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", aborted, { once: true });
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (text += chunk));
    socket.once("connect", () => socket.write(line));
    socket.once("end", () => resolve(text));
    socket.once("error", (error) => {
      if (NOBODY.has(systemCode(error))) resolve(undefined);
      else if (BROKEN.has(systemCode(error))) resolve("");
      else reject(error);
    });
    socket.once("close", () => {
      signal.removeEventListener("abort", aborted);
      resolve(text);
    });
  });
}
