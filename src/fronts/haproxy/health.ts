import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { askedFor, DEFAULT_HOST } from "../../site-host.ts";

/** Good answers in a row that make an artifact healthy. */
export const GOOD_IN_A_ROW = 2;
const POLL_MS = 50;

export interface HealthCheck {
  readonly address: string;
  /** What it is asked for. Default: "localhost", from who is of an earlier version. */
  readonly host?: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

/**
 * Asks until GOOD_IN_A_ROW answers were good (200 to 399); undefined then. Otherwise why not: the limit is over, or
 * `failed` gives a reason.
 */
export async function becomesHealthy(
  check: HealthCheck,
  limitMs: number,
  failed: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const deadline = Date.now() + limitMs;
  let last = "";
  for (let good = 0; good < GOOD_IN_A_ROW;) {
    const why = await failed();
    if (why !== undefined) return why;
    if (Date.now() > deadline) return `not within ${limitMs / 1000} s; ${last}`;
    last = await ask(check);
    good = last === GOOD ? good + 1 : 0;
    await delay(POLL_MS);
  }
  return undefined;
}

const GOOD = "good";

function ask({ address, host = DEFAULT_HOST, port, path, timeoutMs }: HealthCheck): Promise<string> {
  return new Promise((resolve) => {
    const request = get(
      { host: address, port, path, agent: false, timeout: timeoutMs, headers: { host } },
      (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        const good = status >= 200 && status < 400;
        resolve(good ? GOOD : `its last answer to ${path} was ${status}${askedFor(host, status)}`);
      },
    );
    request.once("timeout", () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.once("error", (error) => resolve(error.message));
  });
}
