import { isIP } from "node:net";

/** Environment of a supervised worker; its value is the address at which the supervisor holds the port. */
export const SUPERVISED_ENV = "INPLACE_SUPERVISED";
/** Environment of a supervised worker: where its visitors come in. PORT is its private one. */
export const PUBLIC_PORT_ENV = "INPLACE_PUBLIC_PORT";
/** Environment of a supervised worker, and of what it starts: a text that no other process has. */
export const WORKER_MARK_ENV = "INPLACE_WORKER_MARK";
/** Exit code (EX_TEMPFAIL of sysexits.h): another program has the port that the app was given; no fault of the release. */
export const EXIT_TEMPORARY = 75;
/** Environment of a process whose platform handler watches the site: "1". */
export const WATCHED_ENV = "INPLACE_WATCHED";
/** User agent of health checks, so that they are not counted as visitors. */
export const PROBE_AGENT = "inplace-health";

/** What the runtime inside a worker knows of the server that listens at its private port. */
const PROTOCOLS = [
  "http",
  "https",
  /** HTTP/2 without TLS. */
  "h2c",
  /** HTTP/2 over TLS. */
  "h2",
  /** A server of Node's for plain sockets. */
  "tcp",
  "tls",
  /** Another process or thread of the app listens there. */
  "unknown",
  /** A program that accepts from a socket that it inherits: it has no private port. */
  "inherited",
] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What the supervisor tells the runtime inside a worker over the IPC channel. */
export type ToWorker =
  /** Accept from the handle that comes with the message; without one, the private port is where visitors come in. */
  | { readonly inplace: "serve" }
  /** Accept no more and drain, but stay: `serve` may come again. */
  | { readonly inplace: "park"; readonly deadlineMs: number }
  /** Drain, then exit. last: no other worker goes on, so what waits in the socket's queue has to be served too. */
  | { readonly inplace: "stop"; readonly deadlineMs: number; readonly last: boolean }
  | { readonly inplace: "count" };

/** What the runtime inside a worker answers. */
export type FromWorker =
  /** Somebody of the app listens at the private port. */
  | {
      readonly inplace: "listening";
      readonly host: string;
      readonly port: number;
      readonly protocol: Protocol;
    }
  /** Nobody of the app listens at the private port any more, although nobody asked it to drain. */
  | { readonly inplace: "closed" }
  /** A server of the app has taken a connection. */
  | { readonly inplace: "accepted" }
  /** A server of the app listens at another port than the one that it was given. */
  | { readonly inplace: "elsewhere"; readonly port: number }
  /** The app itself says that it is ready. */
  | { readonly inplace: "ready" }
  | { readonly inplace: "serving" }
  /** IIS's module asked for the end of the site; its request reached this worker instead of the supervisor. */
  | { readonly inplace: "stop-asked" }
  | { readonly inplace: "first-request"; readonly at: number }
  /** requests: absent where only connections are seen, as those of a program. */
  | { readonly inplace: "counted"; readonly requests?: number | undefined }
  /** So many connections that it passed on were broken by their other side, since its start. */
  | { readonly inplace: "reset"; readonly connections: number }
  | {
      readonly inplace: "drained";
      readonly served: number;
      readonly cut: number;
      readonly durationMs: number;
    };

/**
 * A message of ours, with what belongs to it; undefined for anything else: every package of an app can send over the channel.
 * pm2's `process.send("ready")` means ready.
 */
export function asFromWorker(message: unknown): FromWorker | undefined {
  if (message === "ready") return { inplace: "ready" };
  if (typeof message !== "object" || message === null || !("inplace" in message)) return undefined;
  const told = message as { readonly inplace: unknown } & Readonly<Record<string, unknown>>;
  switch (told.inplace) {
    case "accepted":
    case "closed":
    case "ready":
    case "serving":
    case "stop-asked":
      return { inplace: told.inplace };
    case "listening":
      return asListening(told);
    case "elsewhere":
      return isPort(told["port"]) ? { inplace: "elsewhere", port: told["port"] } : undefined;
    case "first-request":
      return isCount(told["at"]) ? { inplace: "first-request", at: told["at"] } : undefined;
    case "counted":
      return asCounted(told);
    case "reset":
      return isCount(told["connections"])
        ? { inplace: "reset", connections: told["connections"] }
        : undefined;
    case "drained":
      return asDrained(told);
    default:
      return undefined;
  }
}

function asListening({ host, port, protocol }: Readonly<Record<string, unknown>>): FromWorker | undefined {
  const known = PROTOCOLS.find((each) => each === protocol);
  if (typeof host !== "string" || !isPort(port) || known === undefined) return undefined;
  // Who has no private port has no address either.
  const placed = isIP(host) !== 0 || known === "inherited";
  return placed ? { inplace: "listening", host, port, protocol: known } : undefined;
}

function asCounted({ requests }: Readonly<Record<string, unknown>>): FromWorker | undefined {
  if (requests === undefined) return { inplace: "counted" };
  return isCount(requests) ? { inplace: "counted", requests } : undefined;
}

function asDrained({ served, cut, durationMs }: Readonly<Record<string, unknown>>): FromWorker | undefined {
  if (!isCount(served) || !isCount(cut) || !isCount(durationMs)) return undefined;
  return { inplace: "drained", served, cut, durationMs };
}

function isPort(value: unknown): value is number {
  return isCount(value) && Number.isInteger(value) && value <= 65_535;
}

/** A number of things or of milliseconds. */
function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

export function asToWorker(message: unknown): ToWorker | undefined {
  const ours = typeof message === "object" && message !== null && "inplace" in message;
  return ours ? (message as ToWorker) : undefined;
}
