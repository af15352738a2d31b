import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:net";

/** Answers a request instead of the app; false: it is the app's. Also sees http2 requests, as far as the app uses these objects. */
export type OwnAnswer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Shows each request to `answer` before the server's listeners, whichever those are and will be. */
export function answerFirst(server: Server, answer: OwnAnswer): void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...values: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== "request") return emit(event, ...values);
    return answer(values[0] as IncomingMessage, values[1] as ServerResponse) || emit(event, ...values);
  };
}

/** The path that a request asks for, without its query. */
export function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}
