// Up is a process when it listens itself, or one that it has started: not when anybody does.
import { equal, match, notEqual, ok } from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { startPlatformHandler } from "#src/platform/handler.js";
import type { PlatformEvent } from "#src/events.js";
import { temporarySite } from "../rig/temporary-site.js";
import { fetch } from "./fetch.js";
import { BACKEND, serveSite, writeSite } from "./site.js";

const LINUX_ONLY = { skip: process.platform !== "linux" && "only Linux says who listens on a port" };

test(
  "a stranger who listens on the chosen port is not taken for the application, which is started on another port",
  LINUX_ONLY,
  async (t) => {
    const layout = await temporarySite(t);
    await writeSite(layout);
    const events: PlatformEvent[] = [];
    let stranger: Server | undefined;
    let strangersGuests = 0;
    const handler = await startPlatformHandler({
      siteRoot: layout.root,
      port: 0,
      events: (event) => {
        events.push(event);
        if (event.type !== "backend-starting" || stranger !== undefined) return;
        // Sooner than the process that has just been started can.
        stranger = createServer((socket) => {
          socket.once("data", () => (strangersGuests += 1)).on("error", () => undefined);
        }).listen(event.port, "127.0.0.1");
      },
    });
    t.after(async () => {
      await handler.stop();
      stranger?.close();
    });
    const response = await fetch(`http://127.0.0.1:${handler.port}`);
    equal(response.status, 200);
    equal(strangersGuests, 0);
    const ports = events.flatMap((event) => (event.type === "backend-starting" ? [event.port] : []));
    equal(ports.length, 2);
    notEqual(ports[0], ports[1]);
    const failed = events.find((event) => event.type === "backend-start-failed");
    ok(failed?.type === "backend-start-failed");
    match(
      failed.problem,
      new RegExp(`^Process ${process.pid}, another program, listens on port ${ports[0]}`),
    );
  },
);

const NODE = `"${process.execPath}" "${BACKEND}"`;
const LAUNCHERS: readonly (readonly [what: string, program: string])[] = [
  ["child of a script", `${NODE}\nexit $?`],
  ["in a session of its own", `setsid ${NODE} & wait`],
  ["a daemon whose parent is not the script", `mkfifo up\n(setsid ${NODE} 3>up &)\nread _ <up`],
  ["in a PID namespace of its own, as in a container", `unshare --user --map-root-user --pid --fork ${NODE}`],
];

for (const [what, program] of LAUNCHERS) {
  test(`the application counts as up: ${what}`, LINUX_ONLY, async (t) => {
    // Once: the site is started again after the drain below, which would leave another such process.
    const site = await serveSite(t, {
      program: `mkdir once || exit 1\n${program}`,
      attributes: 'startupRetryCount="1"',
    });
    const response = await fetch(site.url);
    equal(response.status, 200, await response.text());
    // What has left the group of the process that was started would outlive the handler.
    equal((await fetch(`${site.url}/drain`)).status, 200);
    await site.nth("backend-exited", 1);
  });
}
