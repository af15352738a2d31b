import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import type { TestContext } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import {
  startPlatformHandler,
  type PlatformHandler,
  type PlatformHandlerOptions,
} from "#src/platform/handler.js";
import type { SiteLayout } from "#src/site/layout.js";
import { launchedSite } from "../runtime/launched-site.js";
import { until } from "../rig/until.js";
import { publish } from "../watch/watched-site.js";
import { webConfig } from "./site.js";

export interface ReleasedSite {
  readonly layout: SiteLayout;
  readonly handler: PlatformHandler;
  readonly url: string;
  readonly events: readonly PlatformEvent[];
  all<T extends PlatformEvent["type"]>(type: T): Extract<PlatformEvent, { readonly type: T }>[];
  /** Waits for the n-th event of a type. */
  nth<T extends PlatformEvent["type"]>(
    type: T,
    n: number,
  ): Promise<Extract<PlatformEvent, { readonly type: T }>>;
}

/** A served site with the real launcher and the runtime, on which this artifact was published. */
export async function releasedSite(
  t: TestContext,
  artifact: string,
  content: string,
  options: Partial<PlatformHandlerOptions> & {
    readonly attributes?: string;
    /** What was there before. */
    readonly prepare?: (layout: SiteLayout) => Promise<void>;
  } = {},
): Promise<ReleasedSite> {
  // Before the folder's own clean-up.
  const running: PlatformHandler[] = [];
  t.after(() => Promise.all(running.map((each) => each.stop())));
  const layout = await launchedSite(t);
  await writeFile(layout.webConfig, webConfig(`processPath=".\\launch.cmd" ${options.attributes ?? ""}`));
  await options.prepare?.(layout);
  await publish(layout, artifact, content);
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    drainMs: 500,
    events: (event) => void events.push(event),
    ...options,
  });
  running.push(handler);
  const all = <T extends PlatformEvent["type"]>(type: T) =>
    events.filter((event): event is Extract<PlatformEvent, { readonly type: T }> => event.type === type);
  return {
    layout,
    handler,
    events,
    url: `http://127.0.0.1:${handler.port}`,
    all,
    nth: (type, n) =>
      until(
        () => `${type} number ${n} in ${JSON.stringify(events.slice(-12))}`,
        () => all(type)[n - 1],
      ),
  };
}

/**
 * An app that answers every request with its artifact's name and process; /slow after 500 ms, /events with a stream of events,
 * /held once its process gets SIGUSR2, and any upgrade with a connection that stays.
 */
export const NODE_APP = `
import http from "node:http";
const held = [];
const server = http.createServer((request, response) => {
  const text = "version " + process.env.INPLACE_ARTIFACT + " pid " + process.pid + "\\n";
  let body = "";
  if (request.url === "/held") { response.write("begun "); held.push(response); return; }
  if (request.url === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("data: " + text + "\\n");
    return;
  }
  request.on("data", (part) => (body += part)).on("end", () => {
    setTimeout(() => response.end(text + body), request.url === "/slow" ? 500 : 0);
  });
});
server.on("upgrade", (request, socket) => {
  socket.on("error", () => {}).write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: " + request.headers.upgrade + "\\r\\n\\r\\n");
});
process.on("SIGUSR2", () => { for (const response of held.splice(0)) response.end("whole"); });
server.listen(Number(process.env.PORT), "127.0.0.1");
`;

/** An answer whose body is not read yet. */
export async function openRequest(
  url: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const request = get(url, { headers, agent: false });
  const [answer] = (await Promise.race([once(request, "response"), once(request, "upgrade")])) as [
    IncomingMessage,
  ];
  return answer.on("error", () => undefined);
}
