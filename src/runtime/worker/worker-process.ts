import cluster from "node:cluster";
import type { SendHandle } from "node:child_process";
import type { Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { answerFirst } from "../../listener/own-requests.ts";
import { shutdownAnswer } from "../../listener/shutdown-request.ts";
import { accepts, LOOPBACK, REOPENING_MS } from "../../process/port.ts";
import { asToWorker, SUPERVISED_ENV, type FromWorker, type ToWorker } from "../../process/worker-messages.ts";
import {
  armExitGuard,
  EXIT_CUT,
  EXIT_DRAINED,
  EXIT_GUARD_MS,
  exitFlushed,
  exitNow,
  tellTakenPort,
} from "../exit.ts";
import { moduleToken, readSettings } from "../settings.ts";
import { HOOKS_LIMIT_MS, tellApp } from "../tell-app.ts";
import type { TcpHandle } from "./acceptor.ts";
import type { DrainOrder } from "./drain-order.ts";
import type { Destination } from "../../process/splice.ts";
import { findListener, placeOf, protocolOf } from "./find-listener.ts";
import { observePrivatePort, type WorkerPlace } from "./private-port.ts";
import { RequestCount } from "./request-count.ts";
import { Visitors } from "./visitors.ts";

/** When the supervisor has died nobody sets a deadline. */
const ORPHAN_DEADLINE_MS = 30_000;
/** What only looks whether the port is free lets go within this time. Milliseconds. */
const PROBING_MS = 250;
const LOOK_MS = 200;

/** The process of an app that a supervisor started: it obeys the supervisor, and leaves everything else to the app. */
export class WorkerProcess {
  readonly #place: WorkerPlace;
  readonly #visitors: Visitors;
  readonly #requests = new RequestCount(() => tell({ inplace: "first-request", at: Date.now() }));
  /** Ends the search for a listener in other processes of the app. */
  readonly #found = new AbortController();
  /** Those that answer the platform's module, which a server that listens again does already. */
  readonly #prepared = new WeakSet<Server>();
  /** Where another process or thread of the app listens. */
  #elsewhere: Destination;
  #stopping: Promise<void> | undefined;
  #looking = false;
  /** The app has closed its port: who waits for it goes to the next worker once this one lets go of the socket. */
  #closed = false;

  constructor(place: WorkerPlace) {
    this.#place = place;
    this.#elsewhere = placeOf("127.0.0.1", place.privatePort);
    this.#visitors = new Visitors({
      elsewhere: () => (this.#closed && !this.#visitors.come ? this.#otherWorkers : this.#elsewhere),
      drain: readSettings(process.env).drain,
      onFirst: () => this.#requests.firstConnection(),
      onReset: (connections) => tell({ inplace: "reset", connections }),
      onRefused: () => this.#lookForEnd(),
    });
    observePrivatePort(place, {
      opened: (handle, server) => this.#opened(handle, server),
      closed: (handle) => {
        this.#visitors.closed(handle);
        this.#lookForEnd();
      },
      elsewhere: (port) => tell({ inplace: "elsewhere", port }),
    });
    tellTakenPort(place.privatePort, () => this.#found.signal.aborted);
    spreadClusterConnections();
    this.#hear();
    // A worker thread or a process of the app's own may listen instead of this one.
    void findListener(place.privatePort, () => this.#visitors.listens, this.#found.signal).then((host) => {
      if (host !== undefined) this.#tellListening(host, "unknown");
    });
  }

  #hear(): void {
    process.on("message", (message, handle) => {
      const order = asToWorker(message);
      if (order !== undefined) void this.#obey(order, handle as SendHandle | undefined);
    });
    // A supervisor that died while this was being loaded is not told of any more.
    if (!process.connected) exitNow(EXIT_DRAINED);
    process.once("disconnect", () => void this.#stop({ deadlineMs: ORPHAN_DEADLINE_MS, last: true }));
    keepChannel();
    // A program that never listens may end by itself.
    process.channel?.unref();
  }

  #opened(handle: TcpHandle, server: Server): void {
    const listeners = server.listenerCount("connection");
    this.#visitors.opened(handle, server);
    this.#prepare(server);
    const protocol = protocolOf(server);
    const address = server.address();
    const host = typeof address === "object" && address !== null ? address.address : "127.0.0.1";
    if (protocol !== "tcp" && protocol !== "unknown") return this.#tellListening(host, protocol);
    server.once("connection", () => tell({ inplace: "accepted" }));
    const ours = server.listenerCount("connection") - listeners;
    // One that only looks whether the port is free closes in a moment, and has nobody for a connection; to connect to it
    // would hold it up.
    const look = setInterval(() => {
      const isOpen = this.#visitors.isOpen(handle);
      if (isOpen && server.listenerCount("connection") <= ours) return;
      clearInterval(look);
      if (isOpen) this.#tellListening(host, protocolOf(server));
    }, PROBING_MS).unref();
  }

  #prepare(server: Server): void {
    if (this.#prepared.has(server)) return;
    this.#prepared.add(server);
    this.#requests.of(server);
    const token = moduleToken(process.env);
    if (token === undefined) return;
    answerFirst(
      server,
      shutdownAnswer(token, () => tell({ inplace: "stop-asked" })),
    );
  }

  #tellListening(host: string, protocol: ReturnType<typeof protocolOf>): void {
    if (this.#found.signal.aborted) return;
    this.#found.abort();
    this.#elsewhere = placeOf(host, this.#place.privatePort);
    process.channel?.ref();
    tell({ inplace: "listening", host, port: this.#place.privatePort, protocol });
  }

  /** One that opens its port again in a moment goes on. */
  #lookForEnd(): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.#tellClosed().finally(() => (this.#looking = false));
  }

  get #otherWorkers(): Destination {
    const address = process.env[SUPERVISED_ENV];
    const host = address === undefined || address === "::" || address === "0.0.0.0" ? LOOPBACK : address;
    return { host, port: this.#place.publicPort };
  }

  async #tellClosed(): Promise<void> {
    const until = Date.now() + REOPENING_MS;
    const { host, port } = this.#elsewhere;
    while (this.#visitors.come && !this.#visitors.listens && !(await accepts(port, host))) {
      if (Date.now() > until) {
        this.#closed = true;
        return tell({ inplace: "closed" });
      }
      await delay(LOOK_MS, undefined, { ref: false });
    }
  }

  async #obey(order: ToWorker, handle: SendHandle | undefined): Promise<void> {
    switch (order.inplace) {
      case "serve":
        await this.#visitors.serve(handle);
        if (!this.#visitors.listens) this.#lookForEnd();
        return tell({ inplace: "serving" });
      case "park":
        await this.#drain({ deadlineMs: order.deadlineMs, last: false });
        return;
      case "stop":
        return await this.#stop(order);
      case "count":
        return tell({ inplace: "counted", requests: this.#requests.count });
      default:
        return order satisfies never;
    }
  }

  async #drain(order: DrainOrder): Promise<number> {
    const startedAt = performance.now();
    const { served, cut } = await this.#visitors.drain(order);
    tell({ inplace: "drained", served, cut, durationMs: Math.round(performance.now() - startedAt) });
    return cut;
  }

  async #end(order: DrainOrder): Promise<void> {
    const mayEnd = armExitGuard(order.deadlineMs + HOOKS_LIMIT_MS + EXIT_GUARD_MS);
    const code = (await this.#drain(order)) === 0 ? EXIT_DRAINED : EXIT_CUT;
    this.#visitors.unref();
    process.channel?.unref();
    mayEnd();
    await tellApp(code);
    await exitFlushed(code);
  }

  #stop(order: DrainOrder): Promise<void> {
    this.#stopping ??= this.#end(order);
    return this.#stopping;
  }
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** The channel is ours: an app that closed it would be taken for orphaned. Node itself calls the function at the channel's end. */
function keepChannel(): void {
  const disconnect = process.disconnect?.bind(process);
  process.disconnect = () => {
    const [, , caller = ""] = (new Error().stack ?? "").split("\n");
    if (caller.includes("node:internal/")) disconnect?.();
  };
}

/**
 * A cluster's workers get their connections from its first process, in both scheduling policies: only that process can let
 * go of visitors while the port stays open to the app.
 */
function spreadClusterConnections(): void {
  Object.defineProperty(cluster, "schedulingPolicy", {
    get: () => cluster.SCHED_RR,
    set() {
      // Whatever the app chooses.
    },
    configurable: true,
    enumerable: true,
  });
}
