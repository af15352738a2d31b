// Connections that were upgraded: each sends a line and waits for its echo, many times a second, for as long as it lives.
import { connect } from "node:net";
import { DEFAULT_WEB_SOCKET_DEADLINE_MS } from "../dist/listener/options.js";

/** A server that goes may end an upgraded connection this long after the switch, and not before. */
export const LIVES_ON_MS = DEFAULT_WEB_SOCKET_DEADLINE_MS;
const PING_MS = 100;
const ECHO_LIMIT_MS = 30_000;

/** Keeps so many open until stopped. `switchedAt` gives the times of the swaps so far. */
export function startWebSockets(port, count, switchedAt) {
  const samples = [];
  const clients = Array.from({ length: count }, () => new Client(port, samples, switchedAt));
  return {
    samples,
    stop: () => Promise.all(clients.map((client) => client.stop())),
  };
}

class Client {
  #stopped = false;
  #sent;

  constructor(port, samples, switchedAt) {
    this.port = port;
    this.samples = samples;
    this.switchedAt = switchedAt;
    this.#open();
  }

  /** Resolves when nothing is under way. */
  async stop() {
    this.#stopped = true;
    while (this.#sent !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    clearTimeout(this.timer);
    this.socket.destroy();
  }

  #open() {
    const openedAt = Date.now();
    const socket = connect({ port: this.port, host: "127.0.0.1", noDelay: true });
    this.socket = socket;
    this.#sent = openedAt;
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.setTimeout(ECHO_LIMIT_MS, () => this.#ended(socket, "timeout"));
    socket.on("data", () => {
      this.#record(undefined);
      this.timer = setTimeout(() => this.#ping(), PING_MS);
    });
    socket.once("error", ({ code }) => this.#ended(socket, code === "ECONNREFUSED" ? "refused" : "reset"));
    socket.once("end", () => this.#ended(socket, this.#mayEnd(openedAt) ? undefined : "empty"));
  }

  #ping() {
    if (this.#stopped) return;
    this.#sent = Date.now();
    this.socket.write("x");
  }

  #record(failure) {
    if (this.#sent === undefined) return;
    this.samples.push({
      stream: "websockets",
      dueAt: this.#sent,
      sentAt: this.#sent,
      doneAt: Date.now(),
      failure,
    });
    this.#sent = undefined;
  }

  /** Some swap since it was opened is long enough ago. A line on its way at that moment is the end's, as with any WebSocket. */
  #mayEnd(openedAt) {
    const limit = Date.now() - LIVES_ON_MS + PING_MS;
    return this.switchedAt().some((at) => at > openedAt - LIVES_ON_MS && at <= limit);
  }

  #ended(socket, failure) {
    if (socket !== this.socket || socket.destroyed) return;
    clearTimeout(this.timer);
    if (failure === undefined) this.#sent = undefined;
    else {
      this.#sent ??= Date.now();
      this.#record(failure);
    }
    socket.destroy();
    if (!this.#stopped) this.#open();
  }
}
