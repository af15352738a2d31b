import { setTimeout as delay } from "node:timers/promises";
import type { EventSink, PlatformEvent } from "../events.ts";
import type { Child } from "../process/child.ts";
import type { OwnPort } from "../process/port-owner.ts";
import { accepts } from "../process/port.ts";
import type { Exchange, Origin } from "./exchange.ts";
import { defectOf } from "./proxy/boundary.ts";
import { UpstreamPool, type Loss } from "./upstream.ts";

/** How long a process that broke a connection may take to close its listener, milliseconds. */
export const SETTLE_MS = 1_000;
const SETTLE_PROBE_MS = 50;

/** Who decides about requests that an instance has taken. */
export interface InstanceOwner {
  readonly events: EventSink<PlatformEvent>;
  readonly requestTimeoutMs: number;
  /** Requests carry the token, by which an ASP.NET Core application knows that they come from the module. */
  readonly sendsToken: boolean;
  /** Its connection was lost before the response began. */
  lost(exchange: Exchange, instance: Instance, loss: Loss): void;
  answered(instance: Instance, status: number): void;
  /** Its pool is no longer crowded. */
  roomAgain(): void;
}

type InstanceStart = Pick<
  Instance,
  "child" | "port" | "own" | "token" | "artifact" | "since" | "failedBefore" | "supervises"
>;

/** One process that has accepted connections, on its port. */
export class Instance implements Origin {
  readonly child: Child;
  readonly port: number;
  /** Whose the port is. */
  readonly own: OwnPort;
  /** What it runs, where one of our launchers started it; see artifactNow. */
  artifact: string | undefined;
  /** When it was started, milliseconds since the epoch. */
  readonly since: number;
  /** Artifacts that were marked failed then. */
  readonly failedBefore: ReadonlySet<string>;
  /** It is a supervisor, which takes what is released by itself. */
  readonly supervises: boolean;
  /** What only the handler and this process know. */
  readonly token: string;
  readonly pool: UpstreamPool;
  readonly #owner: InstanceOwner;

  constructor(
    { child, port, own, token, artifact, since, failedBefore, supervises }: InstanceStart,
    owner: InstanceOwner,
  ) {
    this.child = child;
    this.port = port;
    this.own = own;
    this.token = token;
    this.artifact = artifact;
    this.since = since;
    this.failedBefore = failedBefore;
    this.supervises = supervises;
    this.pool = new UpstreamPool(port, {
      roomAgain: () => owner.roomAgain(),
      broken: (error) => owner.events(defectOf(error)),
      isOurs: () => own.tookConnection(),
    });
    this.#owner = owner;
  }

  /**
   * Whether it goes on taking connections, asked of its port for SETTLE_MS: a server that begins to drain closes its
   * connections before or after its listener, and between the two it can be held up.
   */
  async stillAccepts(): Promise<boolean> {
    const until = Date.now() + SETTLE_MS;
    while (this.child.state.kind !== "exited" && (await accepts(this.port))) {
      if (!(await this.own.tookConnection())) return false;
      if (Date.now() > until) return true;
      await Promise.race([delay(SETTLE_PROBE_MS), this.child.exited]);
    }
    return false;
  }

  get fields(): string {
    return this.#owner.sendsToken ? `MS-ASPNETCORE-TOKEN: ${this.token}\r\n` : "";
  }

  get requestTimeoutMs(): number {
    return this.#owner.requestTimeoutMs;
  }

  lost(exchange: Exchange, loss: Loss): void {
    this.#owner.lost(exchange, this, loss);
  }

  answered(status: number): void {
    this.#owner.answered(this, status);
  }
}
