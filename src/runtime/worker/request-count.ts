import type { Server } from "node:net";
import { PROBE_AGENT } from "../../process/worker-messages.ts";

type Headers = NodeJS.Dict<unknown>;

/** Counts visitors' requests, without health checks. Where no requests are seen, the first connection stands for the first one. */
export class RequestCount {
  readonly #onFirst: () => void;
  #seesRequests = false;
  #any = false;
  #count = 0;

  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
  }

  /** undefined where no requests are seen. */
  get count(): number | undefined {
    return this.#seesRequests ? this.#count : undefined;
  }

  /** Counts the requests of this server from now on; once for each server. */
  of(server: Server): void {
    const count = (headers: Headers): void => {
      if (headers["user-agent"] === PROBE_AGENT) return;
      this.#count += 1;
      this.#first();
    };
    // A request listener would switch on the compatibility API of an http2 server that uses streams.
    if ("updateSettings" in server) {
      this.#seesRequests = true;
      server.prependListener("stream", (_stream, headers: Headers) => count(headers));
    } else if ("headersTimeout" in server) {
      this.#seesRequests = true;
      server.prependListener("request", ({ headers }: { readonly headers: Headers }) => count(headers));
    }
  }

  /** A visitor's connection was taken. */
  firstConnection(): void {
    if (!this.#seesRequests) this.#first();
  }

  #first(): void {
    if (this.#any) return;
    this.#any = true;
    this.#onFirst();
  }
}
