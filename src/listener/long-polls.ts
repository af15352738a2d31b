import type { DrainOptions, RequestHead } from "./options.ts";
import type { ConnectionKind } from "./report.ts";

/** A request without an answer that is meant to wait for news. */
export type Wait = "event-stream" | "engine.io" | "signalr" | "poll";

/** An answer that a client of its kind takes for normal, on which it asks again. */
export interface Release {
  readonly status: 200 | 204;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request waits for that has no answer yet; undefined: a usual one. `waitedMs` counts to the beginning of stop. */
export function waitOf(request: RequestHead, waitedMs: number, options: DrainOptions): Wait | undefined {
  if (options.isLongPoll(request)) return "poll";
  // What waits with a body was meant to change something, and 204 would say that it has.
  if (request.method !== "GET") return undefined;
  if (/(?:^|[,;\s])wait\s*=\s*\d/i.test(header(request, "prefer"))) return "poll";
  if (wantsEvents(request)) return "event-stream";
  const query = queryOf(request);
  if (query.get("transport") === "polling" && query.has("EIO") && query.has("sid") && !query.has("j")) {
    return "engine.io";
  }
  if (query.has("id") && header(request, "x-signalr-user-agent") !== "") return "signalr";
  return waitedMs >= options.longPollAfterMs ? "poll" : undefined;
}

/**
 * When what waits is ended, milliseconds after the beginning of stop; Infinity: not by the drain. Where the session is in this
 * process, at once: what its client sends by a new connection meets another, which does not know it.
 */
export function endsAfterMs(kind: ConnectionKind, wait: Wait | undefined, options: DrainOptions): number {
  if (wait === "engine.io" || wait === "signalr") return 0;
  if (kind === "event-stream") return options.eventStreamDeadlineMs;
  return kind === "long-poll" ? options.longPollDeadlineMs : Infinity;
}

/** As EventSource asks: events and nothing else. */
export function wantsEvents(request: RequestHead): boolean {
  return request.method === "GET" && /^text\/event-stream *(?:;|$)/i.test(header(request, "accept"));
}

export function releaseOf(wait: Wait, request: RequestHead): Release {
  switch (wait) {
    case "event-stream":
      // EventSource connects again after an end, and never after 204 (HTML, 9.2.3).
      return answer({ "Content-Type": "text/event-stream", "Cache-Control": "no-cache" }, "");
    case "engine.io":
      // The packet `close`: the client takes it for a transport that the server closed, and Socket.IO connects again. At once
      // a new session: the old one ended with this process. https://github.com/socketio/engine.io-protocol
      return answer(
        { "Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store" },
        queryOf(request).get("EIO") === "3" ? "1:1" : "1",
      );
    case "signalr":
      // Its client polls again after 200 without content, and stops after 204 (LongPollingTransport.ts).
      return answer({ "Content-Type": "text/plain", "Cache-Control": "no-store" }, "");
    case "poll":
      return { status: 204, headers: {}, body: "" };
    default:
      return wait satisfies never;
  }
}

function answer(headers: Record<string, string>, body: string): Release {
  return { status: 200, headers: { ...headers, "Content-Length": String(body.length) }, body };
}

function header({ headers }: RequestHead, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

function queryOf({ url = "" }: RequestHead): URLSearchParams {
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at));
}
