import type { SendHandle } from "node:child_process";
import { Socket, type Server } from "node:net";
import { acceptQueued } from "../../listener/accept-drain.ts";
import { tcpSocketUnder } from "../../listener/node-internals.ts";
import {
  DEFAULT_ACCEPT_MS,
  DEFAULT_ACCEPT_TURNS,
  keptMs,
  type AcceptDrain,
  type StoppableOptions,
} from "../../listener/options.ts";
import { drainConnections, recallDrain, stoppable } from "../../listener/stoppable.ts";
import { splice, type Destination, type Splice } from "../../process/splice.ts";
import { SelfCalls } from "../self-calls.ts";
import { Acceptor, type TcpHandle } from "./acceptor.ts";
import { drainClusterWorkers, recallClusterWorkers } from "./cluster-drain.ts";
import { sumOf, type DrainOrder, type VisitorsDrained } from "./drain-order.ts";

const ACCEPT_BOUNDS: AcceptDrain = { maxTurns: DEFAULT_ACCEPT_TURNS, maxMs: DEFAULT_ACCEPT_MS };
/**
 * Windows: libuv has accepts pending, and what those have taken is reset when the listener closes
 * (https://github.com/joyent/libuv/issues/473). So it closes after a turn that brought nothing.
 */
const TAKES_IN_ADVANCE = process.platform === "win32";

export interface VisitorsOptions {
  /** Who takes visitors where no server of this process does. */
  readonly elsewhere: () => Destination;
  /** Drain options of the site, besides those of an order. */
  readonly drain: StoppableOptions;
  /** The first connection of a visitor was taken. */
  readonly onFirst: () => void;
  /** So many connections that were passed on were broken by their other side, since the start. */
  readonly onReset: (connections: number) => void;
  /** A visitor found nobody at the private port. */
  readonly onRefused: () => void;
}

/**
 * The visitors of a worker: away ──serve──▶ here ──drain──▶ away ──serve──▶ here again. They come in through the socket that
 * the supervisor holds, and go to the server of this process that listens at the private port, as if it had accepted them;
 * where another process or thread of the app listens there, byte for byte. Where the supervisor itself passes connections
 * on they come through the private port. Each server of the app listens there for itself, whatever becomes of the visitors.
 */
export class Visitors {
  readonly #options: VisitorsOptions;
  /** Who listens at the private port in this process. */
  readonly #open = new Map<TcpHandle, Server>();
  /** All that ever did: their visitors may still be there. */
  readonly #servers = new Set<Server>();
  readonly #selfCalls = new SelfCalls();
  readonly #taken = new WeakSet<Socket>();
  readonly #splices = new Map<Socket, Splice>();
  #acceptor: Acceptor | undefined;
  #taking = false;
  /** They come in through the socket of the supervisor. */
  #shared = false;
  #any = false;
  #served = false;
  #resets = 0;
  #draining: Promise<VisitorsDrained> | undefined;
  #recalled = false;
  #wasRecalled: (() => void) | undefined;

  constructor(options: VisitorsOptions) {
    this.#options = options;
  }

  /** A server of this process listens at the private port. */
  opened(handle: TcpHandle, server: Server): void {
    this.#open.set(handle, server);
    if (this.#servers.has(server)) return;
    this.#servers.add(server);
    stoppable(server, this.#options.drain);
    server.prependListener("connection", (socket: Socket) => {
      if (this.#taking) this.#taken.add(socket);
    });
  }

  closed(handle: TcpHandle): void {
    this.#open.delete(handle);
  }

  /** A server of this process listens at the private port. */
  get listens(): boolean {
    return this.#open.size > 0;
  }

  /** They are to come, and none has been asked to leave. */
  get come(): boolean {
    return this.#served;
  }

  isOpen(handle: TcpHandle): boolean {
    return this.#open.has(handle);
  }

  /** The servers of the app keep the process alive no longer. */
  unref(): void {
    for (const server of this.#open.values()) server.unref();
  }

  /** Takes visitors from the socket, or, without one, from the private port. Ends a drain that still runs. */
  async serve(handle: SendHandle | undefined): Promise<void> {
    if (this.#draining !== undefined) {
      this.#recall();
      await this.#draining;
    }
    this.#shared = handle !== undefined;
    this.#served = true;
    if (handle === undefined) return;
    this.#acceptor?.close();
    this.#acceptor = new Acceptor(handle as unknown as TcpHandle, (client) => this.#take(client));
  }

  /** Lets go of the socket and of what came in through it. Asked again while it does, it goes on as it began. */
  drain(order: DrainOrder): Promise<VisitorsDrained> {
    this.#draining ??= this.#drain(order).finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  #take(client: TcpHandle): void {
    if (!this.#any) this.#options.onFirst();
    this.#any = true;
    const [handle] = this.#open.keys();
    if (handle === undefined) return this.#pass(client);
    this.#taking = true;
    try {
      handle.onconnection?.(0, client);
    } finally {
      this.#taking = false;
    }
  }

  /** To whoever listens at the private port by now, or will in a moment. */
  #pass(client: TcpHandle): void {
    const socket = new Socket({ handle: client, allowHalfOpen: true, pauseOnCreate: true } as object);
    socket.setNoDelay(true);
    let tries = 0;
    const target = (): Destination => {
      tries += 1;
      if (tries > 1) this.#options.onRefused();
      return this.#options.elsewhere();
    };
    const passed = splice(socket, target, () => this.#options.onReset((this.#resets += 1)));
    this.#splices.set(socket, passed);
    socket.once("close", () => this.#splices.delete(socket));
  }

  async #drain({ deadlineMs, last }: DrainOrder): Promise<VisitorsDrained> {
    this.#recalled = false;
    this.#served = false;
    if (this.#acceptor !== undefined && (last || TAKES_IN_ADVANCE))
      await acceptQueued(this.#acceptor, ACCEPT_BOUNDS);
    this.#acceptor?.close();
    this.#acceptor = undefined;
    const servers = [...this.#servers].map((server) => this.#drainServer(server, deadlineMs, last));
    const inServers = Promise.all(servers);
    const [drained, passed, inCluster] = await Promise.all([
      inServers,
      this.#drainPassed(deadlineMs),
      drainClusterWorkers({ deadlineMs, last }),
    ]);
    return sumOf([...drained, passed, ...inCluster]);
  }

  async #drainServer(server: Server, deadlineMs: number, last: boolean): Promise<VisitorsDrained> {
    const draining = drainConnections(server, {
      deadlineMs,
      keepListening: true,
      only: (socket) => this.#isVisitor(socket),
      // Nobody waits for the end of a handover.
      ...(last ? {} : { lingerMs: keptMs(server) }),
    });
    if (this.#recalled) recallDrain(server);
    const { served, cut } = await draining;
    return { served, cut: cut.length };
  }

  async #drainPassed(deadlineMs: number): Promise<VisitorsDrained> {
    const before = [...this.#splices];
    for (const [, passed] of before) passed.drain();
    const ends = before.map(([socket]) => new Promise((resolve) => socket.once("close", resolve)));
    let cut = 0;
    const deadline = setTimeout(() => {
      if (this.#recalled) return;
      for (const [socket] of before) {
        if (socket.destroyed) continue;
        cut += 1;
        socket.destroy();
      }
    }, deadlineMs);
    await Promise.race([Promise.all(ends), this.#whenRecalled()]);
    clearTimeout(deadline);
    return { served: 0, cut };
  }

  #isVisitor(socket: Socket): boolean {
    if (this.#shared) return this.#taken.has(tcpSocketUnder(socket) ?? socket);
    return !this.#selfCalls.has(socket);
  }

  #whenRecalled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#recalled) resolve();
      else this.#wasRecalled = resolve;
    });
  }

  #recall(): void {
    this.#recalled = true;
    this.#wasRecalled?.();
    for (const server of this.#servers) recallDrain(server);
    recallClusterWorkers();
  }
}
