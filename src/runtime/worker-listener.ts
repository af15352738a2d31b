import type { SendHandle } from "node:child_process";
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { acceptQueued } from "../listener/accept-drain.ts";
import { Connections } from "../listener/connections.ts";
import { Drain } from "../listener/drain.ts";
import {
  DEFAULT_ACCEPT_MS,
  DEFAULT_ACCEPT_TURNS,
  keptMs,
  normalizeOptions,
  type AcceptDrain,
  type StoppableOptions,
} from "../listener/options.ts";
import type { DrainReport } from "../listener/report.ts";
import { stoppable } from "../listener/stoppable.ts";
import { PROBE_AGENT } from "../process/worker-messages.ts";

const ACCEPT_BOUNDS: AcceptDrain = { maxTurns: DEFAULT_ACCEPT_TURNS, maxMs: DEFAULT_ACCEPT_MS };
const LOOPBACK = "127.0.0.1";
/**
 * Windows: libuv has accepts pending, and what those have taken is reset when the listener closes
 * (https://github.com/joyent/libuv/issues/473). So it closes after a turn that brought nothing.
 */
const TAKES_IN_ADVANCE = process.platform === "win32";

export type Listen = (this: Server, ...args: unknown[]) => Server;

/** Where the supervisor holds the port. */
export interface SharedPlace {
  readonly address: string;
  readonly port: number;
}

export interface DrainOrder {
  readonly deadlineMs: number;
  /** Nobody else accepts from this socket any more: what waits in its queue is ours. */
  readonly last: boolean;
}

/**
 * The app's server while it is supervised. It believes that it listens from the moment it asked to; in truth
 *
 *     probed (private port only) ──serve──▶ serving (shared socket) ──drain──▶ parked ──serve──▶ serving again
 *
 * The private port, and the return from parking, feed accepted connections into the app's server; the shared handle
 * itself is the app's server's own, so that whatever the app may ask it is true.
 */
export class WorkerListener {
  readonly #server: Server;
  readonly #listen: Listen;
  #probe: Server | undefined;
  #probePort = 0;
  #shared = false;
  /** Accepts for the app's server after parking, when that cannot listen once more. */
  #second: Server | undefined;
  #draining: Promise<DrainReport> | undefined;
  /** The app's server itself has let go of its socket: a server listens only once. */
  #stopped = false;
  #recalled = false;
  #requests = 0;

  constructor(server: Server, listen: Listen, place: SharedPlace, onFirstRequest: () => void) {
    this.#server = server;
    this.#listen = listen;
    stoppable(server);
    const count = (headers: NodeJS.Dict<unknown>): void => {
      if (headers["user-agent"] === PROBE_AGENT) return;
      if (this.#requests === 0) onFirstRequest();
      this.#requests += 1;
    };
    // A request listener would switch on the compatibility API of an http2 server that uses streams.
    if ("updateSettings" in server) {
      server.prependListener("stream", (_stream, headers: NodeJS.Dict<unknown>) => count(headers));
    } else {
      server.prependListener("request", ({ headers }: { readonly headers: NodeJS.Dict<unknown> }) =>
        count(headers),
      );
    }
    pretendListening(server, place);
  }

  /** Requests since the start, without health checks. */
  get requests(): number {
    return this.#requests;
  }

  get secure(): boolean {
    return this.#server instanceof TlsServer;
  }

  /** Opens the private port, gives its number, and lets the app go on as if it listened. */
  async openProbe(): Promise<number> {
    await this.#openProbe();
    this.#server.emit("listening");
    return this.#probePort;
  }

  /** No health check comes any more. Where visitors come in through the private port, it stays. */
  closeProbe(): void {
    if (this.#shared) this.#probe?.close();
  }

  /** Accepts from the shared socket; without one, visitors come in through the private port. Ends a drain that still runs. */
  async serve(handle: SendHandle | undefined): Promise<void> {
    if (this.#draining !== undefined) {
      this.#recalled = true;
      Connections.of(this.#server).followers?.recall();
      await this.#draining;
    }
    if (handle === undefined) {
      if (this.#probe?.listening !== true) await this.#openProbe();
      return;
    }
    if (!this.#stopped) {
      await listenInTruth(this.#server, () => this.#listen.call(this.#server, handle));
    } else {
      this.#second = this.#feeder();
      await this.#listening(this.#second, handle);
    }
    this.#shared = true;
  }

  /** Lets go of the socket and of what came in through it. Asked again while it does, it goes on as it began. */
  drain(order: DrainOrder): Promise<DrainReport> {
    this.#draining ??= this.#drain(order).finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  async #drain({ deadlineMs, last }: DrainOrder): Promise<DrainReport> {
    this.#recalled = false;
    const acceptDrain = last || TAKES_IN_ADVANCE;
    // Nobody waits for the end of a handover.
    const options = { deadlineMs, acceptDrain, ...(last ? {} : { lingerMs: keptMs(this.#server) }) };
    if (!this.#shared) {
      await letGoOf(this.#probe);
      stopPretending(this.#server);
    }
    const report = this.#stopped ? this.#drainOnceMore(options) : stoppable(this.#server, options).stop();
    this.#stopped = true;
    if (this.#recalled) Connections.of(this.#server).followers?.recall();
    return await report;
  }

  async #drainOnceMore(options: StoppableOptions): Promise<DrainReport> {
    if (options.acceptDrain !== false) await letGoOf(this.#second);
    this.#second?.close();
    return await new Drain(Connections.of(this.#server), normalizeOptions(options)).run();
  }

  async #openProbe(): Promise<void> {
    this.#probe = this.#feeder();
    await this.#listening(this.#probe, this.#probePort, LOOPBACK);
    this.#probePort = (this.#probe.address() as AddressInfo).port;
  }

  #feeder(): Server {
    // As http makes its own connections: half open while it answers, without Nagle's delay.
    return createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
      this.#server.emit("connection", socket);
    });
  }

  #listening(server: Server, ...place: unknown[]): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      this.#listen.call(server, ...place, () => {
        server.off("error", reject);
        resolve();
      });
    });
  }
}

/** What is connected already is accepted first. */
async function letGoOf(feeder: Server | undefined): Promise<void> {
  if (feeder === undefined) return;
  await acceptQueued(feeder, ACCEPT_BOUNDS);
  feeder.close();
}

function pretendListening(server: Server, { address, port }: SharedPlace): void {
  const family = isIPv6(address) ? "IPv6" : "IPv4";
  Object.defineProperty(server, "listening", { value: true, configurable: true });
  Object.defineProperty(server, "address", { value: () => ({ address, port, family }), configurable: true });
}

function stopPretending(server: Server): void {
  Reflect.deleteProperty(server, "listening");
  Reflect.deleteProperty(server, "address");
}

/** From now on the server says the truth, except that it does not say a second time that it listens. */
function listenInTruth(server: Server, listen: () => void): Promise<void> {
  stopPretending(server);
  const own = Object.getOwnPropertyDescriptor(server, "emit");
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      if (own !== undefined) Object.defineProperty(server, "emit", own);
      else Reflect.deleteProperty(server, "emit");
    };
    server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
      if (event !== "listening" && event !== "error") return emit(event, ...values);
      settle();
      if (event === "listening") resolve();
      else reject(values[0] as Error);
      return true;
    };
    listen();
  });
}
