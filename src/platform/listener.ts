import { EventEmitter, once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { InplaceError, systemCode } from "../errors.ts";
import { addressOf, listenError } from "../process/listen-error.ts";
import type { Certificate } from "./certificate.ts";
import { ClientConnection } from "./client-connection.ts";
import type { Router } from "./exchange.ts";
import { guarded, type Guarded } from "./proxy/boundary.ts";
import type { ClientOptions } from "./proxy/client-options.ts";
import { ConnectionCount, type ConnectionLimits } from "./proxy/connection-limits.ts";
import { Http2Session } from "./proxy/http2-session.ts";
import { isLoopback } from "./proxy/local.ts";
import { TlsHandshakes } from "./proxy/tls-handshakes.ts";
import type { TrustedProxies } from "./proxy/trusted-proxies.ts";

/** Both that "localhost" may mean; nobody outside this machine reaches them. */
export const LOCAL_HOSTS = ["127.0.0.1", "::1"] as const;
export const DEFAULT_PORT = 8080;
/** Connections at the same time; those beyond it are closed at once. */
export const MAX_CONNECTIONS = 10_000;

const SWEEP_MS = 1_000;
/** A host that this machine does not have, such as ::1 where IPv6 is off. */
const NO_SUCH_HOST: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

export interface ListenOptions extends ConnectionLimits {
  readonly port: number;
  /** Undefined: localhost over IPv4 and, where there is one, IPv6. */
  readonly host: string | undefined;
  /** Instead of listening: hands over sockets that listen already, each in the turn in which it comes, to be taken in it. */
  readonly inherit: ((take: (socket: Server) => void) => Promise<void>) | undefined;
  readonly tls: Certificate | undefined;
  readonly maxBodyBytes: number;
  /** Clients on this machine see what an application wrote before it failed. */
  readonly details: boolean;
  /** X-Forwarded-For gets the client's port too, as the module writes it; few frameworks can read that. */
  readonly strict: boolean;
  /** Bytes a second that a client has to send or read at least; 0: any number. */
  readonly minRate: number;
  readonly trustedProxies: TrustedProxies;
  readonly ended: ClientOptions["ended"];
  readonly defect: ClientOptions["defect"];
}

/** A connection of HTTP/1, as the listener sees it. */
interface Client extends Guarded {
  readonly upgraded: boolean;
  sweep(now: number): void;
  close(): void;
}

/** Accepts clients on all hosts of one port. */
export class Listener {
  readonly #servers: Server[] = [];
  readonly #addresses: AddressInfo[] = [];
  readonly #clients = new Set<Client>();
  readonly #sessions = new Set<Http2Session>();
  readonly #handshakes: TlsHandshakes | undefined;
  #closing = false;
  readonly #count: ConnectionCount;
  readonly #router: Router;
  readonly #options: ListenOptions;
  readonly #sweep: NodeJS.Timeout;
  readonly #changed = new EventEmitter();

  private constructor(router: Router, options: ListenOptions) {
    this.#router = router;
    this.#options = options;
    this.#count = new ConnectionCount(options);
    this.#handshakes =
      options.tls &&
      new TlsHandshakes(options.tls, {
        secured: (socket) => this.#acceptSecure(socket),
        over: () => this.#changed.emit("closed"),
      });
    this.#sweep = setInterval(() => this.#sweepNow(), SWEEP_MS);
  }

  /** Throws PORT_IN_USE. Port 0 takes any free one, the same on every host. */
  static async listen(router: Router, options: ListenOptions): Promise<Listener> {
    const listener = new Listener(router, options);
    const hosts = options.host === undefined ? LOCAL_HOSTS : [options.host];
    try {
      if (options.inherit !== undefined) {
        await options.inherit((socket) => listener.#take(socket));
        return listener;
      }
      for (const host of hosts) {
        const first = listener.#servers.length === 0;
        await listener.#bind(host, first ? options.port : listener.port).catch((error: unknown) => {
          if (first || !NO_SUCH_HOST.has(systemCode(error) ?? "")) throw error;
        });
      }
    } catch (error) {
      await listener.close();
      await listener.cut();
      throw asListenError(error, options);
    }
    return listener;
  }

  /** Those that listen, for a successor. */
  get sockets(): readonly Server[] {
    return this.#servers;
  }

  /** For the connections that come from now on. */
  renew(certificate: Certificate): void {
    this.#handshakes?.renew(certificate);
  }

  /** Also when it has closed. */
  get port(): number {
    return this.#addresses[0]?.port ?? this.#options.port;
  }

  get urls(): string[] {
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return this.#addresses.map(({ address, family, port }) => {
      return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    });
  }

  /** Takes no further connection and lets the present ones end with their response. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#handshakes?.close();
    for (const client of this.#clients) client.close();
    for (const session of this.#sessions) session.close();
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }

  /** Resolves when no client is left that waits for a response; upgraded connections do not count. */
  async idle(): Promise<void> {
    const waits = (): boolean =>
      this.#handshakes?.busy === true ||
      this.#busySessions ||
      some(this.#clients, (client) => !client.upgraded);
    while (waits()) await once(this.#changed, "closed");
  }

  /** Ends every connection now; resolves when their ends have been recorded. */
  async cut(): Promise<void> {
    clearInterval(this.#sweep);
    for (const client of this.#clients) client.cut();
    for (const session of this.#sessions) session.cut();
    this.#handshakes?.cut();
    while (this.#clients.size > 0 || this.#busySessions) await once(this.#changed, "closed");
  }

  get #busySessions(): boolean {
    return some(this.#sessions, (session) => session.busy);
  }

  #bind(host: string, port: number): Promise<void> {
    const server = this.#createServer();
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      // Exclusive, or on Windows and in cluster workers two handlers could share a port without knowing.
      server.listen({ port, host, exclusive: true, ipv6Only: true }, () => {
        server.off("error", reject);
        this.#servers.push(server);
        this.#addresses.push(server.address() as AddressInfo);
        resolve();
      });
    });
  }

  #take(socket: Server): void {
    const server = this.#createServer();
    server.listen(socket);
    this.#servers.push(server);
    this.#addresses.push(server.address() as AddressInfo);
  }

  #createServer(): Server {
    return createServer({ noDelay: true }, (socket) => {
      // A connection is counted before it costs a handshake.
      const release = this.#count.take(socket.remoteAddress ?? "");
      if (release === undefined) {
        socket.destroy();
        return;
      }
      socket.on("close", release);
      if (this.#handshakes === undefined) this.#speakHttp1(socket, "http");
      else this.#handshakes.begin(socket);
    });
  }

  #acceptSecure(socket: TLSSocket): void {
    socket.on("error", () => undefined);
    if (socket.alpnProtocol === "h2") guarded(this.#ownerOf(socket), () => this.#speakHttp2(socket));
    else this.#speakHttp1(socket, "https");
  }

  #speakHttp2(socket: TLSSocket): void {
    const address = socket.remoteAddress ?? "";
    const session = new Http2Session(socket, this.#clientOptions(socket, "https"), {
      take: () => this.#count.take(address),
      streamOver: () => this.#changed.emit("closed"),
    });
    this.#sessions.add(session);
    if (this.#closing) session.close();
    socket.once("close", () => {
      this.#sessions.delete(session);
      this.#changed.emit("closed");
    });
  }

  #speakHttp1(socket: Socket, scheme: "http" | "https"): void {
    const client = new ClientConnection(socket, this.#clientOptions(socket, scheme));
    this.#clients.add(client);
    if (this.#closing) client.close();
    socket.on("close", () => {
      this.#clients.delete(client);
      this.#changed.emit("closed");
    });
  }

  /** For what throws before there is a client. */
  #ownerOf(socket: Socket): Guarded {
    const cut = (): void => void socket.destroy();
    const broken = (error: unknown): void => {
      this.#options.defect(error);
      cut();
    };
    return { broken, cut };
  }

  #clientOptions(socket: Socket, scheme: "http" | "https"): ClientOptions {
    const address = socket.remoteAddress ?? "";
    return {
      router: this.#router,
      facts: {
        address,
        forwardedFor: this.#options.strict ? addressOf(address, socket.remotePort ?? 0) : address,
        scheme,
        // A system call for each connection, and only the access log asks.
        localAddress: this.#options.ended === undefined ? "" : (socket.localAddress ?? ""),
        trusted: this.#options.strict || this.#options.trustedProxies.has(address),
      },
      local: this.#options.details && isLoopback(address),
      minRate: this.#options.minRate,
      maxBodyBytes: this.#options.maxBodyBytes,
      ended: this.#options.ended,
      defect: this.#options.defect,
    };
  }

  #sweepNow(): void {
    const now = Date.now();
    for (const client of this.#clients) guarded(client, () => client.sweep(now));
    for (const session of this.#sessions) guarded(session, () => session.sweep(now));
  }
}

/** Without a copy: with every connection that closes, all the others are asked. */
function some<T>(all: Iterable<T>, holds: (each: T) => boolean): boolean {
  for (const each of all) if (holds(each)) return true;
  return false;
}

function asListenError(error: unknown, { port, host }: ListenOptions): unknown {
  switch (systemCode(error)) {
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new InplaceError("USAGE", `This machine has no address ${host ?? "localhost"}.`, {
        cause: error,
      });
    default:
      return listenError(systemCode(error), { host: host ?? "localhost", port }, error) ?? error;
  }
}
