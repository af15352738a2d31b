import { EventEmitter, once } from "node:events";
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { InplaceError, systemCode } from "../errors.ts";
import { ClientConnection } from "./client-connection.ts";
import { CLIENT_LIMITS, type ClientOptions } from "./proxy/client-options.ts";
import type { Router } from "./exchange.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import { guarded, type Guarded } from "./proxy/boundary.ts";
import { isLoopback } from "./proxy/local.ts";
import type { TrustedProxies } from "./proxy/trusted-proxies.ts";

/** Both that "localhost" may mean; nobody outside this machine reaches them. */
export const LOCAL_HOSTS = ["127.0.0.1", "::1"] as const;
export const DEFAULT_PORT = 8080;
/** Connections at the same time; those beyond it are closed at once. */
export const MAX_CONNECTIONS = 10_000;

const SWEEP_MS = 1_000;
const HANDSHAKE_MS = 10_000;
const MAX_STREAMS = 100;
/** A host that this machine does not have, such as ::1 where IPv6 is off. */
const NO_SUCH_HOST: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

export interface ListenOptions {
  readonly port: number;
  /** Undefined: localhost over IPv4 and, where there is one, IPv6. */
  readonly host: string | undefined;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly maxConnections: number;
  readonly maxBodyBytes: number;
  /** X-Forwarded-For gets the client's port too, as the module writes it; few frameworks can read that. */
  readonly strict: boolean;
  /** Bytes a second that a client has to send or read at least; 0: any number. */
  readonly minRate: number;
  readonly trustedProxies: TrustedProxies;
  readonly ended: ClientOptions["ended"];
  readonly defect: ClientOptions["defect"];
}

/** A connection, or a stream of one, as the listener sees it. */
interface Client extends Guarded {
  readonly deadline: number;
  readonly upgraded: boolean;
  expire(): void;
  close(): void;
}

/** Accepts clients on all hosts of one port. */
export class Listener {
  readonly #servers: Server[] = [];
  readonly #addresses: AddressInfo[] = [];
  readonly #clients = new Set<Client>();
  readonly #sessions = new Set<{ close(): void; destroy(): void }>();
  readonly #router: Router;
  readonly #options: ListenOptions;
  readonly #sweep: NodeJS.Timeout;
  readonly #changed = new EventEmitter();

  private constructor(router: Router, options: ListenOptions) {
    this.#router = router;
    this.#options = options;
    this.#sweep = setInterval(() => this.#sweepNow(), SWEEP_MS);
  }

  /** Throws PORT_IN_USE. Port 0 takes any free one, the same on every host. */
  static async listen(router: Router, options: ListenOptions): Promise<Listener> {
    const listener = new Listener(router, options);
    const hosts = options.host === undefined ? LOCAL_HOSTS : [options.host];
    try {
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
    for (const client of this.#clients) client.close();
    for (const session of this.#sessions) session.close();
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }

  /** Resolves when no client is left that waits for a response; upgraded connections do not count. */
  async idle(): Promise<void> {
    while ([...this.#clients].some((client) => !client.upgraded)) await once(this.#changed, "closed");
  }

  /** Ends every connection now; resolves when their ends have been recorded. */
  async cut(): Promise<void> {
    clearInterval(this.#sweep);
    for (const client of this.#clients) client.cut();
    for (const session of this.#sessions) session.destroy();
    while (this.#clients.size > 0) await once(this.#changed, "closed");
  }

  #bind(host: string, port: number): Promise<void> {
    const server = this.#createServer();
    server.maxConnections = this.#options.maxConnections;
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

  #createServer(): Server {
    const { tls } = this.#options;
    if (tls === undefined) return createServer({ noDelay: true }, (socket) => this.#accept(socket, "http"));
    const server = createTlsServer({
      ...tls,
      noDelay: true,
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: ["h2", "http/1.1"],
    });
    server.on("secureConnection", (socket) => this.#acceptSecure(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #acceptSecure(socket: TLSSocket): void {
    if (socket.alpnProtocol !== "h2") {
      this.#accept(socket, "https");
      return;
    }
    const options = this.#clientOptions(socket, "https");
    const session = performServerHandshake(socket, { settings: { maxConcurrentStreams: MAX_STREAMS } });
    this.#sessions.add(session);
    session.setTimeout(CLIENT_LIMITS.idleMs, () => session.close());
    session.on("error", () => undefined); // "close" follows and says the same.
    session.once("close", () => this.#sessions.delete(session));
    session.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      this.#add(new Http2Exchange(stream, headers, options), stream);
    });
  }

  #accept(socket: Socket, scheme: "http" | "https"): void {
    this.#add(new ClientConnection(socket, this.#clientOptions(socket, scheme)), socket);
  }

  #add(client: Client, closes: Socket | ServerHttp2Stream): void {
    this.#clients.add(client);
    closes.once("close", () => {
      this.#clients.delete(client);
      this.#changed.emit("closed");
    });
  }

  #clientOptions(socket: Socket, scheme: "http" | "https"): ClientOptions {
    const address = socket.remoteAddress ?? "";
    return {
      router: this.#router,
      facts: {
        address,
        forwardedFor: this.#options.strict ? withPort(address, socket.remotePort ?? 0) : address,
        scheme,
        localAddress: socket.localAddress ?? "",
        trusted: this.#options.strict || this.#options.trustedProxies.has(address),
      },
      local: isLoopback(address),
      minRate: this.#options.minRate,
      maxBodyBytes: this.#options.maxBodyBytes,
      ended: this.#options.ended,
      defect: this.#options.defect,
    };
  }

  #sweepNow(): void {
    const now = Date.now();
    for (const client of this.#clients) if (client.deadline <= now) guarded(client, () => client.expire());
  }
}

function withPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function asListenError(error: unknown, { port, host }: ListenOptions): unknown {
  const where = `${host ?? "localhost"}:${port}`;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new InplaceError("PORT_IN_USE", `Another program already listens on ${where}.`, {
        cause: error,
      });
    case "EACCES":
      return new InplaceError("PORT_IN_USE", `Not allowed to listen on ${where}.`, { cause: error });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new InplaceError("USAGE", `This machine has no address ${host ?? "localhost"}.`, {
        cause: error,
      });
    default:
      return error;
  }
}
