import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { InheritedSocket } from "#src/runtime/inherited-sockets.js";
import { systemdUnits } from "#src/fronts/systemd/units.js";
import { unlessInstalled } from "../rig/installed.js";
import { freePort } from "../rig/free-port.js";
import { until } from "../rig/until.js";
import { UserSystemd } from "../rig/user-systemd.js";
import { temporaryFolder } from "../rig/temporary-site.js";

const PROGRAM = fileURLToPath(new URL("socket-program.js", import.meta.url));

/** A sound service gives a sign of life after half of it, also on a loaded machine. */
const WATCHDOG_SECONDS = 6;

interface Answer {
  readonly pid: number;
  readonly sockets: readonly InheritedSocket[];
  readonly env: Readonly<Record<string, string>>;
}

test(
  "a service of our units starts on the first connection, with all its sockets, and again after it ended",
  unlessInstalled("systemctl", "unshare"),
  async (t) => {
    const systemd = await UserSystemd.start(t);
    const root = await temporaryFolder(t);
    const [web, admin] = [await freePort(), await freePort()];
    const path = `${systemd.folder}/site.sock`;
    const command = [process.execPath, PROGRAM];
    const listen = [`127.0.0.1:${web}`, `[::1]:${web}`, `admin=${admin}`, `local=${path}`];
    await systemd.install(
      systemdUnits({
        site: "blog",
        root,
        listen,
        manager: "user",
        command,
        watchdogSeconds: WATCHDOG_SECONDS,
      }),
    );
    await systemd.control("start", "blog.socket", "blog-admin.socket", "blog-local.socket");
    assert.equal(await systemd.property("blog.service", "ActiveState"), "inactive");

    const first = await ask(web);
    // In which order systemd hands the units' sockets over is not said, so they are told apart by what they are.
    assert.deepEqual(
      first.sockets.map(({ fd }) => fd).sort((a, b) => a - b),
      [3, 4, 5, 6],
    );
    assert.deepEqual(
      new Set(first.sockets.map(({ name, place }) => JSON.stringify({ name, place }))),
      new Set([
        JSON.stringify({ name: "http", place: { kind: "tcp", address: "127.0.0.1", port: web } }),
        JSON.stringify({ name: "http", place: { kind: "tcp", address: "::1", port: web } }),
        JSON.stringify({ name: "admin", place: { kind: "tcp", address: "::", port: admin } }),
        JSON.stringify({ name: "local", place: { kind: "unix", path } }),
      ]),
    );
    assert.equal(first.env["PORT"], String(web));
    for (const key of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC"]) {
      assert.equal(first.env[key], undefined, key);
    }
    assert.equal((await ask(admin)).pid, first.pid);
    assert.equal((await ask(path)).pid, first.pid);
    await until(
      "it said that it is ready",
      async () => (await systemd.property("blog.service", "StatusText")) === "serving",
    );

    // An ordinary end, many times in a row: no limit of starts is ever hit.
    let before = first.pid;
    for (let round = 0; round < 30; round += 1) {
      await ask(web, "exit 0");
      const { pid } = await ask(web);
      assert.notEqual(pid, before);
      before = pid;
    }
    // A crash: connections wait until it is started again.
    await ask(web, "exit 1");
    assert.notEqual((await ask(web)).pid, before);
    // An event loop that hangs: the watchdog ends it, what comes then is served.
    await until(
      "ready again",
      async () => (await systemd.property("blog.service", "SubState")) === "running",
    );
    const { pid } = await ask(web, "hang");
    assert.notEqual((await ask(web)).pid, pid);
    assert.equal(await systemd.property("blog.socket", "Result"), "success");
  },
);

/** Writes a line and gives the answer; waits for as long as the connection is in the queue. */
async function ask(where: number | string, line = "tell"): Promise<Answer> {
  const socket = typeof where === "number" ? connect(where, "127.0.0.1") : connect(where);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.write(`${line}\n`);
  await once(socket, "close");
  return JSON.parse(text) as Answer;
}
