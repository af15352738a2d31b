import { get } from "node:http";
import { extname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { InplaceError } from "../errors.ts";
import { startChild, type Child } from "../process/child.ts";
import { spawnCall, type SpawnCall } from "../process/command.ts";
import { choosePort, LOOPBACK } from "../process/port.ts";
import { entryPoint } from "../site/entry-point.ts";

/** From the start of an artifact that is tried to its answer, milliseconds. */
export const TRIAL_MS = 15_000;
const ONE_ANSWER_MS = 5_000;
const ASK_AGAIN_MS = 50;
const STOP_MS = 2_000;

export interface TrialOptions {
  /** Where it is started; the site's root for an artifact in a site. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What Node preloads, a file. */
  readonly preload?: string | undefined;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export type TrialResult =
  | {
      readonly result: "answered";
      readonly status: number;
      readonly ms: number;
      readonly tail: readonly string[];
    }
  | { readonly result: "failed"; readonly why: string; readonly tail: readonly string[] };

/** Starts an artifact on a port of its own, asks for / once, and ends it with all its processes. */
export async function tryArtifact(artifact: string, options: TrialOptions): Promise<TrialResult> {
  const port = await choosePort();
  const env = { ...options.env, PORT: String(port), HTTP_PLATFORM_PORT: String(port) };
  const child = await startChild({ call: await callFor(artifact, options), cwd: options.cwd, env });
  try {
    return await firstAnswer(child, port, options);
  } finally {
    await child.stop(STOP_MS);
  }
}

async function firstAnswer(
  child: Child,
  port: number,
  { limitMs, signal }: TrialOptions,
): Promise<TrialResult> {
  const startedAt = Date.now();
  const ended = child.exited.then(
    ({ code, signal: by }) => `it ended with ${by ?? `exit code ${code ?? ""}`}`,
  );
  let why: string | undefined;
  void ended.then((how) => (why = how));
  while (why === undefined && Date.now() - startedAt < limitMs) {
    const status = await ask(port);
    const ms = Date.now() - startedAt;
    if (status !== undefined) return { result: "answered", status, ms, tail: child.output.told() };
    await delay(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
  why ??= `it did not answer on its PORT within ${limitMs / 1000} s`;
  return { result: "failed", why, tail: child.output.told() };
}

/** undefined where nobody answers yet. */
function ask(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(
      { port, host: LOOPBACK, path: "/", agent: false, timeout: ONE_ANSWER_MS },
      (response) => {
        resolve(response.statusCode);
        response.destroy();
      },
    );
    request.on("timeout", () => request.destroy()).on("error", () => resolve(undefined));
  });
}

async function callFor(artifact: string, { cwd, preload }: TrialOptions): Promise<SpawnCall> {
  const entry = await entryPoint(artifact);
  if (!/^\.[cm]?js$/.test(extname(entry))) return spawnCall(entry, "", cwd);
  const preloaded = preload === undefined ? [] : ["--import", preload];
  return { file: process.execPath, args: [...preloaded, entry], verbatim: false };
}

/** Throws START_FAILED where it did not answer, or with a failure of its own. */
export function expectAnswer(what: string, tried: TrialResult): number {
  if (tried.result === "answered" && tried.status < 500) return tried.ms;
  const why = tried.result === "answered" ? `it answered GET / with status ${tried.status}` : tried.why;
  const tail = tried.tail.length === 0 ? "It wrote nothing." : tried.tail.join("\n");
  throw new InplaceError("START_FAILED", `${what} was started, and ${why}. Its last output:\n${tail}`, {
    hint: "Mend what its output names, or the start in inplace.config.json, then run inplace-deploy init --check again.",
  });
}
