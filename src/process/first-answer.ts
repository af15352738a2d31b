import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.ts";
import type { OwnPort } from "./port-owner.ts";
import { LOOPBACK } from "./port.ts";
import { PROBE_AGENT } from "./worker-messages.ts";

/** A further question is asked after this, while earlier ones wait for their answers. Milliseconds. */
const NEXT_MS = 1_000;
/** A question that came to nothing is asked again after this. Milliseconds. */
const AGAIN_MS = 25;
/** So long one question waits. Milliseconds. */
const WAIT_MS = 10_000;

const question = (host: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${PROBE_AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n`;

/** How a question ended: answered, or what was wrong. refused: nobody listens. */
export type Answer = "answered" | { readonly problem: string; readonly refused: boolean };

/**
 * Asks until there is an answer: a listener whose connections nobody takes would hang every visitor. undefined: there was one;
 * else what was wrong when the signal aborted. What only looked whether the port is free is not held up by a question that
 * it took: once nobody listens any more, those are given up.
 */
export async function untilAnswered(
  ask: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last = "it did not answer GET /";
  const answered = new AbortController();
  const over = AbortSignal.any([signal, answered.signal]);
  let asked = new AbortController();
  const askOnce = async (): Promise<void> => {
    const answer = await ask(AbortSignal.any([over, asked.signal, AbortSignal.timeout(WAIT_MS)]));
    if (answer === "answered") return answered.abort();
    if (!over.aborted) last = answer.problem;
    if (!answer.refused) return;
    asked.abort();
    asked = new AbortController();
  };
  while (!over.aborted) {
    const pause = new AbortController();
    // What is over ends the question.
    const next = delay(NEXT_MS, undefined, { signal: pause.signal }).catch(() => undefined);
    await Promise.race([askOnce(), next]);
    pause.abort();
    if (!over.aborted) await delay(AGAIN_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return answered.signal.aborted ? undefined : last;
}

/** Whether GET / at the port was answered over HTTP/1, whatever it was, before the signal aborted; by somebody else does not count. */
export async function portAnswers(
  port: number,
  own: OwnPort,
  host: string,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = async (limit: AbortSignal): Promise<Answer> => {
    const answer = await askOver(connect({ port, host: LOOPBACK }), "connect", host, limit, IS_HTTP);
    return answer !== "answered" || (await own.tookConnection()) ? answer : NOT_OURS;
  };
  return (await untilAnswered(ask, signal)) === undefined;
}

/**
 * Asks GET / of the host over a socket that is being connected. An answer counts if it begins as `expected` asks; a 503 does not,
 * with which an app says itself that it does not serve yet.
 */
export async function askOver(
  socket: Socket,
  connected: "connect" | "secureConnect",
  host: string,
  signal: AbortSignal,
  expected = IS_ANYTHING,
): Promise<Answer> {
  try {
    await once(socket, connected, { signal });
    socket.write(question(host));
    const came = await beginningOf(socket, signal);
    if (came === "") return CLOSED;
    if (!expected.test(came)) return NO_HTTP;
    return UNAVAILABLE.test(came) ? NOT_YET : "answered";
  } catch (error) {
    return notAnswered(error);
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}

/** What comes first, as far as it tells what it is; "" where the connection closed before. */
async function beginningOf(socket: Socket, signal: AbortSignal): Promise<string> {
  let came = "";
  socket.on("data", (part: Buffer) => (came += part.toString("latin1")));
  const closed = once(socket, "close", { signal }).then(() => true);
  closed.catch(() => undefined);
  while (came === "" || (came.length < STATUS_CHARS && "HTTP/1.".startsWith(came.slice(0, 7)))) {
    if (await Promise.race([once(socket, "data", { signal }).then(() => false), closed])) break;
  }
  return came;
}

/** As many as "HTTP/1.1 200" has. */
const STATUS_CHARS = 12;
const IS_ANYTHING = /^/;
/** What a platform handler can forward. */
export const IS_HTTP = /^HTTP\/1\.[01] /;
const UNAVAILABLE = /^HTTP\/1\.[01] 503\b/;
const NOT_YET: Answer = { problem: "it answered GET / with 503", refused: false };
const NO_HTTP: Answer = { problem: "what it answered to GET / is no HTTP/1", refused: false };
const NOT_OURS: Answer = { problem: "another program answered GET /", refused: true };
const CLOSED: Answer = { problem: "it closed the connection without an answer to GET /", refused: false };

export function notAnswered(error: unknown): Answer {
  const refused = systemCode(error) === "ECONNREFUSED";
  const late = error instanceof Error && error.name === "AbortError";
  const why = late ? "" : `: ${error instanceof Error ? error.message : String(error)}`;
  return { problem: `it did not answer GET /${why}`, refused };
}
