import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError, isErrorCode, systemCode } from "../errors.ts";
import { parseShape } from "../record-shape.ts";
import type { SiteLayout } from "../site/layout.ts";
import { findControl } from "./control-place.ts";
import { ANSWERS, isReply, type ReplyError } from "./replies.ts";
import type { ControlAnswers, ControlRequest } from "./requests.ts";

/** A successor has the channel within this time. Milliseconds. */
const AGAIN_MS = 500;
/** For what a supervisor knows at once. Milliseconds. */
const AT_ONCE_MS = 10_000;
/** Longer answers are none of a supervisor's. Characters. */
const ANSWER_LIMIT = 1024 * 1024;
const BROKEN: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);
const NOBODY: ReadonlySet<string | undefined> = new Set(["ENOENT", "ECONNREFUSED"]);

/**
 * Asks the supervisor of the site; undefined where none runs. Rejects with its error, with the signal's reason,
 * CONTROL_UNTRUSTED or ACCESS_DENIED where this account may not believe or ask it, or TIMED_OUT.
 */
export async function askSupervisor<K extends ControlRequest["ask"]>(
  layout: SiteLayout,
  request: Extract<ControlRequest, { readonly ask: K }>,
  signal: AbortSignal,
): Promise<ControlAnswers[K] | undefined> {
  const line = `${JSON.stringify(request)}\n`;
  const limit = request.ask === "status" || request.ask === "reload" ? answersAtOnce(layout, signal) : signal;
  let text = await exchange(layout, line, limit);
  if (text === "") {
    // It has ended, or given its place to its successor.
    await delay(AGAIN_MS, undefined, { signal: limit });
    text = await exchange(layout, line, limit);
  }
  if (text === undefined) return undefined;
  if (text === "") {
    throw new InplaceError("NOT_SUPERVISED", "The supervisor ended before it answered.", {
      hint: "Look at inplace-deploy status, then try again.",
    });
  }
  const { answer, error } = parseShape(text, isReply) ?? {};
  if (error !== undefined) throw asAnswered(error);
  const isAnswer: (value: unknown) => value is ControlAnswers[K] = ANSWERS[request.ask as K];
  if (isAnswer(answer)) return answer;
  throw new InplaceError(
    "CONTROL_UNTRUSTED",
    "What answers for the supervisor is none: it speaks otherwise.",
  );
}

function asAnswered({ code, message, hint }: ReplyError): InplaceError {
  if (isErrorCode(code)) return new InplaceError(code, message, hint === undefined ? {} : { hint });
  const what = `What answers for the supervisor says something unknown, ${code}: ${message}`;
  return new InplaceError("CONTROL_UNTRUSTED", what, {
    hint: "Ask with the inplace command of the version that supervises.",
  });
}

function answersAtOnce({ root }: SiteLayout, signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const what = `The supervisor of ${root} did not answer within ${AT_ONCE_MS / 1000} s.`;
  setTimeout(() => late.abort(new InplaceError("TIMED_OUT", what)), AT_ONCE_MS).unref();
  return AbortSignal.any([signal, late.signal]);
}

async function exchange(layout: SiteLayout, line: string, signal: AbortSignal): Promise<string | undefined> {
  const path = await findControl(layout);
  if (path === undefined) return undefined;
  return await new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect(path);
    let text = "";
    const aborted = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", aborted, { once: true });
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_LIMIT) socket.destroy();
    });
    socket.once("connect", () => socket.write(line));
    socket.once("end", () => resolve(text));
    socket.once("error", (error) => {
      const code = systemCode(error);
      if (NOBODY.has(code)) resolve(undefined);
      else if (BROKEN.has(code)) resolve("");
      else if (code === "EACCES" || code === "EPERM") reject(notAllowed(layout, path, error));
      else reject(error);
    });
    socket.once("close", () => {
      signal.removeEventListener("abort", aborted);
      resolve(text);
    });
  });
}

function notAllowed({ root }: SiteLayout, path: string, cause: Error): InplaceError {
  const what = `Only the account that runs the supervisor of ${root}, and root, may ask it.`;
  const hint = `Run the command as that account; where none runs, remove ${path}, which a killed one left.`;
  return new InplaceError("ACCESS_DENIED", what, { cause, hint });
}
