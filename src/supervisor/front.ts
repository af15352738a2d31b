import type { SendHandle } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { holdSocket, type HeldSocket, type SocketPlace } from "./held-socket.ts";
import { OwnPort } from "../process/port-owner.ts";
import { splice, type Destination } from "../process/splice.ts";
import type { Worker } from "./worker.ts";
import { addressOf, listenError } from "../process/listen-error.ts";
import { InplaceError, systemCode } from "../errors.ts";
import { once } from "node:events";

/** The place where visitors come in. */
export interface Front {
  readonly kind: "held" | "spliced";
  readonly address: string;
  readonly port: number;
  /** Connections that it passed on and that their worker broke. Where workers accept by themselves it sees none. */
  readonly resets: number;
  /** What another supervisor could take over; undefined where it could not. */
  readonly socket: SendHandle | undefined;
  /** From now on this worker gets visitors. */
  give(worker: Worker): Promise<void>;
  /** From now on this worker gets none; what it has is its to finish. */
  take(worker: Worker): void;
  /** No visitor comes in any more once the workers have let go. */
  close(): void;
}

/** Throws PORT_IN_USE. */
export async function openFront(place: SocketPlace, kind: Front["kind"]): Promise<Front> {
  switch (kind) {
    case "held":
      return new HeldFront(holdSocket(place));
    case "spliced":
      return await SplicedFront.open(place);
    default:
      return kind satisfies never;
  }
}

class HeldFront implements Front {
  readonly kind = "held";
  readonly resets = 0;
  readonly #socket: HeldSocket;

  constructor(socket: HeldSocket) {
    this.#socket = socket;
  }

  get address(): string {
    return this.#socket.address;
  }

  get port(): number {
    return this.#socket.port;
  }

  get socket(): SendHandle {
    return this.#socket.handle;
  }

  give(worker: Worker): Promise<void> {
    return worker.serve(this.#socket.handle);
  }

  take(): void {
    // The worker lets go of its own copy of the socket when it drains.
  }

  close(): void {
    this.#socket.close();
  }
}

/** Public API only: connections are accepted here and spliced to the private ports of the workers. */
class SplicedFront implements Front {
  readonly kind = "spliced";
  readonly socket = undefined;
  resets = 0;
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  #workers: readonly { readonly worker: Worker; readonly place: Destination }[] = [];
  #next = 0;

  private constructor(server: Server, address: string, port: number) {
    this.#server = server;
    this.address = address;
    this.port = port;
    server.on("connection", (socket) => this.#splice(socket));
  }

  static async open({ host, port, descriptor }: SocketPlace): Promise<SplicedFront> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    server.listen(descriptor === undefined ? { host, port } : { fd: descriptor });
    await once(server, "listening").catch((cause: unknown) => {
      const words = `Cannot listen at ${addressOf(host, port)}: ${String(cause)}.`;
      throw (
        listenError(systemCode(cause), { host, port }, cause) ??
        new InplaceError("PORT_IN_USE", words, { cause })
      );
    });
    const address = server.address();
    const bound = typeof address === "object" && address !== null ? address : { address: host, port };
    return new SplicedFront(server, bound.address, bound.port);
  }

  async give(worker: Worker): Promise<void> {
    await worker.serve(undefined);
    const { host, port } = await worker.heard("listening", new AbortController().signal);
    const own = new OwnPort(port, worker, host);
    this.#workers = [...this.#workers, { worker, place: { host, port, own } }];
  }

  take(worker: Worker): void {
    this.#workers = this.#workers.filter((each) => each.worker !== worker);
  }

  close(): void {
    this.#server.close();
  }

  #splice(socket: Socket): void {
    splice(
      socket,
      () => this.#target(),
      () => (this.resets += 1),
    );
  }

  /** In turn; undefined while no worker is there. */
  #target(): Destination | undefined {
    this.#workers = this.#workers.filter(({ worker }) => worker.running);
    this.#next += 1;
    return this.#workers[this.#next % this.#workers.length]?.place;
  }
}
