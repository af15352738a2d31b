import { equal } from "node:assert/strict";
import { connect } from "node:http2";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { until } from "../rig/until.js";
import { END_HEADERS, FRAME, frame, type RawHttp2Client } from "./raw-http2.js";
import { serveSite, type ServedSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

/** The flags of a head that a body follows. */
export const OPEN_BODY = END_HEADERS;
/** An answer before the request is whole; the application leaves the connection open. */
export const TOO_MUCH = Buffer.from("HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno").toString(
  "base64url",
);

export async function serveTls(
  t: TestContext,
  options: Parameters<typeof serveSite>[1] = {},
): Promise<ServedSite> {
  const site = await serveSite(t, { tls: TEST_TLS, drainMs: 100, ...options });
  t.after(() => equal(site.count("defect-contained"), 0));
  return site;
}

/** Asks for a page over a connection of its own, as another visitor does. */
export async function visit(
  site: ServedSite,
  path: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const session = connect(`https://127.0.0.1:${site.handler.port}`, { rejectUnauthorized: false });
  try {
    const stream = session.request({ ":path": path });
    const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
    let text = "";
    for await (const part of stream.setEncoding("utf8")) text += String(part);
    return { status: headers[":status"] ?? 0, text };
  } finally {
    session.destroy();
  }
}

/** The application has so many connections, that of who asks not counted. */
export async function applicationHas(site: ServedSite, connections: number): Promise<void> {
  let last = -1;
  await until(
    () => `${connections} connections to the application, there are ${last}`,
    async () => (last = Number((await visit(site, "/connections")).text) - 1) === connections,
  );
}

/** Sends a body as fast as the windows let it, and without end. */
export function pour(client: RawHttp2Client, stream: number): { readonly sent: number } {
  const state = { sent: 0 };
  const windows = new Map([0, stream].map((id) => [id, 65_535]));
  let seen = 0;
  const pump = (): void => {
    for (; seen < client.frames.length; seen += 1) {
      const one = client.frames[seen];
      if (one?.type !== FRAME.window) continue;
      windows.set(one.stream, (windows.get(one.stream) ?? 0) + one.payload.readUInt32BE(0));
    }
    for (;;) {
      const bytes = Math.min(16_384, ...windows.values());
      if (bytes <= 0) return;
      client.send(frame(FRAME.data, 0, stream, Buffer.alloc(bytes, "x")));
      for (const [id, window] of windows) windows.set(id, window - bytes);
      state.sent += bytes;
    }
  };
  client.socket.on("data", pump);
  pump();
  return state;
}
