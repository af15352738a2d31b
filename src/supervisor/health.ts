import { get as getHttp, type IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { askedFor, serverName } from "../site-host.ts";
import { PROBE_AGENT } from "../process/worker-messages.ts";
import type { NormalHealth } from "./options.ts";
import { isSecure, type PrivatePlace } from "./worker.ts";

/** More of a body is not searched. Characters. */
const BODY_LIMIT = 1_000_000;

/** Asks once. undefined: a good answer; else what was wrong with it. Never rejects. */
export async function checkHealth(place: PrivatePlace, health: NormalHealth): Promise<string | undefined> {
  try {
    const response = await ask(place, health);
    const status = response.statusCode ?? 0;
    const good = health.status === undefined ? status >= 200 && status < 400 : status === health.status;
    if (!good) return `${health.path} answered ${status}${askedFor(health.host, status)}`;
    const body = await read(response, health.body !== undefined);
    if (health.body === undefined || body.includes(health.body)) return undefined;
    return `the answer of ${health.path} does not hold ${JSON.stringify(health.body)}`;
  } catch (error) {
    const late = error instanceof Error && error.name === "AbortError";
    const why = late ? `did not answer in ${health.answerMs} ms` : `did not answer: ${String(error)}`;
    return `${health.path} ${why}`;
  }
}

function ask(place: PrivatePlace, { path, host, answerMs }: NormalHealth): Promise<IncomingMessage> {
  const options = {
    host: place.host,
    port: place.port,
    path,
    agent: false,
    headers: { host, "user-agent": PROBE_AGENT, connection: "close" },
    servername: serverName(host),
    // Covers the answer's body too.
    signal: AbortSignal.timeout(answerMs),
    // Its certificate is for the site's name, and we know whom we ask.
    rejectUnauthorized: false,
  };
  return new Promise((resolve, reject) => {
    (isSecure(place) ? getHttps : getHttp)(options, resolve).once("error", reject);
  });
}

async function read(response: IncomingMessage, keep: boolean): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) if (keep && text.length < BODY_LIMIT) text += chunk as string;
  return text;
}
