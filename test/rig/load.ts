import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FailureKind } from "./load-connection.ts";

/** One kind of client, arriving at a constant rate whatever the server does. */
export interface LoadStream {
  readonly name: string;
  readonly perSecond: number;
  /** "fresh": a connection for each request; a number: so many connections, kept alive and used in turn. */
  readonly connections: "fresh" | number;
  /** Default "/". */
  readonly path?: string;
  /** Makes the request a POST; the second half of the body follows this many milliseconds after the first. */
  readonly halvesApartMs?: number;
  /** Over TLS, whatever the certificate says. */
  readonly tls?: boolean;
  /** A JavaScript regular expression that a response's head and body must match to be a success. */
  readonly expect?: string;
}

export interface LoadOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly streams: readonly LoadStream[];
  /** A JavaScript regular expression; its first group, found in a response's head and body, is the version. */
  readonly version?: string;
  /** From the moment a request was due. */
  readonly timeoutMs?: number;
  /** Ends the load by itself. */
  readonly maxMs?: number;
}

/** What became of one request; times in milliseconds since the epoch. */
export interface Sample {
  readonly stream: string;
  /** When it had to be sent by the stream's rate: latency counts from here, so that a stall is not left out. */
  readonly dueAt: number;
  readonly sentAt: number;
  readonly doneAt: number;
  readonly version: string | undefined;
  readonly failure: FailureKind | "status" | "unexpected" | undefined;
  readonly detail: string | undefined;
}

export interface LoadProgress {
  readonly done: number;
  readonly failed: number;
  /** Of the response that came last. */
  readonly version: string | undefined;
}

export type FromLoadProcess =
  | { readonly type: "progress"; readonly progress: LoadProgress }
  | { readonly type: "end"; readonly samples: readonly Sample[] };

export const DEFAULT_TIMEOUT_MS = 30_000;
export const DEFAULT_MAX_MS = 180_000;
const UNTIL_MS = 30_000;

/** An open-loop load in a process of its own, under way until stopped. */
export interface Load {
  readonly progress: LoadProgress;
  /** Resolves once the progress satisfies; rejects after withinMs (default 30 s) with what it was waiting for. */
  until(satisfied: (progress: LoadProgress) => boolean, what: string, withinMs?: number): Promise<void>;
  /** Sends nothing more, waits for what is under way (bounded by the requests' timeout), and reports every request. */
  stop(): Promise<readonly Sample[]>;
}

/** Starts sending at once. The process ends with stop(), with maxMs, or with this process. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const child = fork(fileURLToPath(new URL("load-process.js", import.meta.url)), {
    serialization: "advanced",
  });
  await once(child, "spawn");
  child.send(options);
  return new LoadProcess(child);
}

class LoadProcess implements Load {
  readonly #child: ChildProcess;
  readonly #samples: Promise<readonly Sample[]>;
  #progress: LoadProgress = { done: 0, failed: 0, version: undefined };
  #waiting: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    // A test that failed before stop() is over.
    child.unref();
    child.channel?.unref();
    this.#samples = new Promise((resolve, reject) => {
      child.on("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
      child.on("message", (message: FromLoadProcess) => {
        if (message.type === "end") return resolve(message.samples);
        this.#progress = message.progress;
        for (const check of this.#waiting) check();
      });
    });
    this.#samples.catch(() => undefined); // Reported by stop(); until() has its own deadline.
  }

  get progress(): LoadProgress {
    return this.#progress;
  }

  until(satisfied: (progress: LoadProgress) => boolean, what: string, withinMs = UNTIL_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!satisfied(this.#progress)) return;
        end();
        resolve();
      };
      const expired = setTimeout(() => {
        end();
        reject(new Error(`${what}: not within ${withinMs} ms; ${JSON.stringify(this.#progress)}`));
      }, withinMs);
      const end = (): void => {
        clearTimeout(expired);
        this.#waiting = this.#waiting.filter((other) => other !== check);
      };
      this.#waiting.push(check);
      check();
    });
  }

  async stop(): Promise<readonly Sample[]> {
    this.#child.ref();
    this.#child.channel?.ref();
    if (this.#child.connected) this.#child.send("stop");
    return this.#samples;
  }
}
