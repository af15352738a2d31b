import { equal } from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../rig/free-port.js";
import { startProgram } from "../rig/program.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { OPEN_BODY, TOO_MUCH } from "./http2-site.js";
import { FRAME, frame, numberFrame, rawHttp2, requestFrame } from "./raw-http2.js";
import { writeSite } from "./site.js";
import { TEST_TLS } from "./tls-certificate.js";

const INPLACE = fileURLToPath(new URL("../../bin/inplace.js", import.meta.url));
const MAX_BODY = 10;
/** What answers takes a moment; what goes on sending for ever answers nobody. */
const ANSWER_MS = 5_000;

const post = (length?: string): Buffer =>
  requestFrame(
    1,
    { method: "POST", flags: OPEN_BODY },
    length === undefined ? [] : [["content-length", length]],
  );

/** Requests whose answer is ours, or whose end is, before they are whole. */
const REQUESTS: Record<string, readonly Buffer[]> = {
  "a head that is refused": [post("9000000000000000")],
  "a length that is too large": [post(String(MAX_BODY + 1))],
  "a body that becomes too large": [post(), frame(FRAME.data, 0, 1, Buffer.alloc(MAX_BODY + 1))],
  "an answer before the request is whole": [
    requestFrame(1, { method: "POST", path: `/raw?${TOO_MUCH}`, flags: OPEN_BODY }, [["x-open", "1"]]),
  ],
  "an application that breaks its answer off": [requestFrame(1, { path: "/cut" })],
};

/** Frames at which node:http2 ends the session by itself. */
const BREAKS: Record<string, Buffer> = {
  "an answer to no PING": frame(FRAME.ping, 1, 0, Buffer.alloc(8)),
  "GOAWAY with an error": frame(FRAME.goaway, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])),
  "a window that is too large": numberFrame(FRAME.window, 0, 0x7fffffff),
  "a pushed request": frame(5, 4, 1, Buffer.alloc(4)),
};

test("HTTP/2: whatever ends a session while an answer is on its way to it, the handler goes on", async (t) => {
  const layout = await temporarySite(t);
  await writeSite(layout);
  await writeFile(join(layout.root, "cert.pem"), TEST_TLS.cert);
  await writeFile(join(layout.root, "key.pem"), TEST_TLS.key);
  const port = await freePort();
  const args = ["serve", "--host", "127.0.0.1", "--port", String(port), "--max-body", String(MAX_BODY)];
  const tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
  const program = startProgram(t, process.execPath, [INPLACE, "--site-root", layout.root, ...args, ...tls], {
    cwd: layout.root,
  });
  await until("it answers", () => answers(port));
  for (const [what, frames] of Object.entries(REQUESTS)) {
    for (const [how, end] of Object.entries(BREAKS)) {
      for (const apart of [false, true]) {
        const client = await rawHttp2(t, port);
        const open = requestFrame(3, { method: "POST", flags: OPEN_BODY });
        client.send(...frames, open, ...(apart ? [] : [end]));
        if (apart) {
          await client.sees(FRAME.headers, 1);
          client.send(end);
        }
        const answered = await answers(port);
        client.socket.destroy();
        // What sends for ever hears no other signal.
        if (!answered) process.kill(program.pid, "SIGKILL");
        equal(answered, true, `${what}, ${how}${apart ? ", after its answer" : ""}`);
      }
    }
  }
});

async function answers(port: number): Promise<boolean> {
  const asked = request({ port, host: "127.0.0.1", agent: false, rejectUnauthorized: false, path: "/" });
  const late = setTimeout(() => asked.destroy(new Error("late")), ANSWER_MS);
  try {
    asked.end();
    const [response] = (await once(asked, "response")) as [{ resume(): void; statusCode?: number }];
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false;
  } finally {
    clearTimeout(late);
  }
}
