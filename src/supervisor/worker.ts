import { randomUUID } from "node:crypto";
import type { SendHandle } from "node:child_process";
import { InplaceError } from "../errors.ts";
import { startChild, type Child, type ChildOptions, type Exit } from "../process/child.ts";
import { endWithUs } from "../process/orphan-guard.ts";
import { asFromWorker, WORKER_MARK_ENV, type FromWorker, type ToWorker } from "../process/worker-messages.ts";

/** A worker answers orders within this time, or it hangs. Milliseconds. */
export const ANSWER_LIMIT_MS = 10_000;
/** What a worker gets beyond the deadline of its drain before it is killed. Milliseconds. */
export const STOP_SLACK_MS = 2_000;

type Kind = FromWorker["inplace"];
type Message<K extends Kind> = Extract<FromWorker, { readonly inplace: K }>;

/** Where a worker is reached by health checks: somebody of the app listens there. */
export type PrivatePlace = Pick<Message<"listening">, "host" | "port" | "protocol">;

export function isSecure({ protocol }: PrivatePlace): boolean {
  return protocol === "https" || protocol === "h2" || protocol === "tls";
}

export interface Drained {
  /** Requests answered from the beginning of the drain on. */
  readonly served: number;
  /** Connections that the deadline ended. */
  readonly cut: number;
  readonly durationMs: number;
}

/** One process of the app with the runtime inside, seen from the supervisor. */
export class Worker {
  readonly artifact: string;
  readonly startedAt = Date.now();
  /** In the environment of all its processes, and of no others. */
  readonly mark: string;
  readonly #child: Child;
  /** The last message of each kind, for those who ask after it came. */
  readonly #heard = new Map<Kind, FromWorker>();
  #waiting: { readonly kind: Kind; readonly heard: (message: FromWorker) => void }[] = [];

  private constructor(artifact: string, child: Child, mark: string) {
    this.artifact = artifact;
    this.mark = mark;
    this.#child = child;
    child.process.on("message", (message) => {
      const known = asFromWorker(message);
      if (known !== undefined) this.#hear(known);
    });
  }

  /** drainMs: what it gets should this process be killed. Throws START_FAILED. */
  static async start(
    artifact: string,
    { drainMs, ...options }: Omit<ChildOptions, "extraStdio"> & { readonly drainMs: number },
  ): Promise<Worker> {
    const mark = randomUUID();
    const env = { ...options.env, [WORKER_MARK_ENV]: mark };
    const child = await startChild({ ...options, env, extraStdio: ["ipc"] });
    // Its end of the channel tells it to drain, unless the app keeps it from hearing.
    endWithUs(child, { signal: "0", graceMs: drainMs + STOP_SLACK_MS });
    return new Worker(artifact, child, mark);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  get running(): boolean {
    return this.#child.state.kind !== "exited";
  }

  /** The last lines of its output, with its error. */
  lastLines(): readonly string[] {
    return this.#child.output.told();
  }

  /** The next message of a kind, or the last one if it has been heard. Rejects when the signal aborts. */
  heard<K extends Kind>(kind: K, signal: AbortSignal): Promise<Message<K>> {
    const before = this.#heard.get(kind);
    if (before !== undefined) return Promise.resolve(before as Message<K>);
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const heard = (message: FromWorker): void => {
        signal.removeEventListener("abort", aborted);
        resolve(message as Message<K>);
      };
      const waiting = { kind, heard };
      const aborted = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal.reason as Error);
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Gives it the shared socket. Rejects with START_FAILED if it does not take it. */
  async serve(handle: SendHandle | undefined): Promise<void> {
    await this.#ask({ inplace: "serve" }, "serving", ANSWER_LIMIT_MS, handle);
  }

  /** Connections that it passed on to a program, and that the program broke. */
  get resets(): number {
    return (this.#heard.get("reset") as Message<"reset"> | undefined)?.connections ?? 0;
  }

  /** The port of a server of the app that is not the one that it was given; undefined if there is none. */
  get elsewhere(): number | undefined {
    return (this.#heard.get("elsewhere") as Message<"elsewhere"> | undefined)?.port;
  }

  /** Takes the socket away and drains; it stays and can serve again. A worker that does not obey is killed. */
  async park(deadlineMs: number): Promise<Drained | undefined> {
    const answer = this.#ask({ inplace: "park", deadlineMs }, "drained", deadlineMs + STOP_SLACK_MS);
    return await answer.catch(() => this.kill().then(() => undefined));
  }

  /** Drains and ends it. */
  async stop(deadlineMs: number, last: boolean): Promise<Exit> {
    return await this.#child.stop(deadlineMs + STOP_SLACK_MS, () =>
      Promise.resolve(this.#tell({ inplace: "stop", deadlineMs, last })),
    );
  }

  /** Ends it and whatever it started, now. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  /** Visitors' requests since its start; undefined once it does not answer, and of programs. */
  async requests(): Promise<number | undefined> {
    const answer = this.#ask({ inplace: "count" }, "counted", ANSWER_LIMIT_MS);
    return await answer.then(({ requests }) => requests).catch(() => undefined);
  }

  async #ask<K extends Kind>(
    order: ToWorker,
    answer: K,
    limitMs: number,
    handle?: SendHandle,
  ): Promise<Message<K>> {
    const controller = new AbortController();
    const what = `Worker ${this.pid} of ${this.artifact} did not answer ${order.inplace}`;
    const give = (why: string): void =>
      controller.abort(new InplaceError("START_FAILED", `${what}: ${why}.`));
    const limit = setTimeout(() => give(`not within ${limitMs} ms`), limitMs);
    this.#heard.delete(answer);
    const answered = this.heard(answer, controller.signal);
    void this.exited.then(() => give("it ended"));
    try {
      if (!this.#tell(order, handle)) give("its channel is closed");
      return await answered;
    } finally {
      clearTimeout(limit);
    }
  }

  #tell(order: ToWorker, handle?: SendHandle): boolean {
    const { process: child } = this.#child;
    if (!child.connected) return false;
    // The callback takes the error of a channel that breaks meanwhile; its end shows in `exited`.
    child.send(order, handle, undefined, () => undefined);
    return true;
  }

  #hear(message: FromWorker): void {
    this.#heard.set(message.inplace, message);
    const waiting = this.#waiting.filter(({ kind }) => kind === message.inplace);
    this.#waiting = this.#waiting.filter(({ kind }) => kind !== message.inplace);
    for (const { heard } of waiting) heard(message);
  }
}
