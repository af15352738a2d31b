import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Handler } from "./servers.js";

/** Answers "ok" at once. */
export const ok: Handler = (_request, response) => {
  response.end("ok");
};

/** Answers with the body that was sent. */
export const echo: Handler = (request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (text: string) => {
    body += text;
  });
  request.on("end", () => response.end(body));
};

/** A handler whose requests wait for the test: `next()` gives them in order of arrival. */
export function held(): {
  handler: Handler;
  next(): Promise<{ request: IncomingMessage; response: ServerResponse }>;
  readonly count: number;
} {
  const waiting: { request: IncomingMessage; response: ServerResponse }[] = [];
  let wake: () => void = () => undefined;
  let count = 0;
  return {
    handler(request, response) {
      count += 1;
      waiting.push({ request, response });
      wake();
    },
    async next() {
      for (;;) {
        const found = waiting.shift();
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    get count() {
      return count;
    },
  };
}

export async function finished(response: ServerResponse): Promise<void> {
  if (!response.writableFinished) await once(response, "finish");
}
