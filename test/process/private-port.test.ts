// The private port of a supervised worker is anybody's from when it was chosen until the app listens, and after that.
import { deepEqual, equal } from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { OwnPort } from "#src/process/port-owner.js";
import { splice } from "#src/process/splice.js";
import { findListener } from "#src/runtime/worker/find-listener.js";
import { freePort } from "../rig/free-port.js";
import { startPortThief } from "../rig/port-thief.js";

/** Beyond what Linux counts to: the thief, whom the test starts, is to be nobody's. */
const NOBODY_PID = 2 ** 22 + 1;
/** In the environment of this process, and not in the thief's. */
const MARK = `PATH=${process.env["PATH"]}`;
const run = promisify(execFile);
const AS_ANOTHER = {
  skip:
    (process.platform !== "linux" && "only Linux says whose a listening socket is") ||
    (process.env["CI"] !== "true" && process.getuid?.() !== 0 && "to be another account takes root"),
};

test("a worker does not take another account's listener for its app's", AS_ANOTHER, async (t) => {
  const port = await freePort();
  // Started by another process than the one that asks.
  const thief = await startPortThief(t, port);
  await thief.taken();
  const program = `
    import { findListener } from ${JSON.stringify(import.meta.resolve("#src/runtime/worker/find-listener.js"))};
    const alive = setInterval(() => undefined, 1_000);
    let looks = 0;
    const over = new AbortController();
    const listens = () => { looks += 1; if (looks === 8) over.abort(); return false; };
    console.log(await findListener(${port}, listens, over.signal));
    clearInterval(alive);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
  equal(stdout, "undefined\n");
  deepEqual(thief.captured, []);
});

test(
  "nor does it overlook a process that it started, whatever account that has become",
  AS_ANOTHER,
  async (t) => {
    const port = await freePort();
    const app = await startPortThief(t, port);
    await app.taken();
    equal(await findListener(port, () => false, AbortSignal.timeout(20_000)), "127.0.0.1");
  },
);

test("visitors who are passed on wait while another account has the port", AS_ANOTHER, async (t) => {
  const port = await freePort();
  const thief = await startPortThief(t, port);
  await thief.taken();
  const own = new OwnPort(port, { pid: NOBODY_PID, mark: MARK });
  let tries = 0;
  const front = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (visitor) => {
    splice(
      visitor,
      () => {
        tries += 1;
        // The thief has had his chances.
        if (tries === 4) process.kill(thief.pid, "SIGKILL");
        return { host: "127.0.0.1", port, own };
      },
      () => undefined,
    );
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => void front.close());
  const visitor = connect((front.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => void visitor.destroy());
  visitor.write("GET /secret HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(visitor, "connect");
  const app = createServer((socket) => socket.end("from the app"));
  t.after(() => void app.close());
  const retry = (): unknown => setTimeout(() => t.signal.aborted || app.listen(port, "127.0.0.1"), 5);
  app.on("error", retry).listen(port, "127.0.0.1");
  equal(String((await once(visitor, "data"))[0]), "from the app");
  deepEqual(thief.captured, []);
});
