// Whose a listening port is, for one who may not look into the processes of others.
import { deepEqual, equal } from "node:assert/strict";
import { execFile } from "node:child_process";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { OwnPort } from "#src/process/port-owner.js";
import { freePort } from "../rig/free-port.js";
import { startPortThief, THIEF_UID, type PortThief } from "../rig/port-thief.js";

const run = promisify(execFile);
const OWN_UID = 6001;
/** Beyond what Linux counts to. */
const NOBODY_PID = 2 ** 22 + 1;
const AS_OTHERS = {
  skip:
    (process.platform !== "linux" && "only Linux says whose a listening socket is") ||
    (process.env["CI"] !== "true" && process.getuid?.() !== 0 && "to be another account takes root"),
};

async function thief(t: TestContext, uid: number): Promise<PortThief & { readonly port: number }> {
  const port = await freePort();
  const started = await startPortThief(t, port, { uid });
  await started.taken();
  return Object.assign(started, { port });
}

/** What an account that sees no open files of others finds, for a tree whose root is `pid`. */
async function asked(port: number, pid: number): Promise<unknown> {
  const program = `
    import { OwnPort } from ${JSON.stringify(import.meta.resolve("#src/process/port-owner.js"))};
    process.setgroups([]); process.setgid(${OWN_UID}); process.setuid(${OWN_UID});
    const own = new OwnPort(${port}, { pid: ${pid}, mark: "nobody has this" });
    console.log(JSON.stringify([await own.stranger() ?? null, await own.tookConnection()]));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
    timeout: 20_000,
  });
  return JSON.parse(stdout);
}

test(
  "another account that listens is a stranger, also where its processes cannot be looked into",
  AS_OTHERS,
  async (t) => {
    const { port } = await thief(t, THIEF_UID);
    deepEqual(await asked(port, NOBODY_PID), [{ uid: THIEF_UID }, false]);
  },
);

test("an account that a process of the tree has become is none", AS_OTHERS, async (t) => {
  const { port, pid } = await thief(t, THIEF_UID);
  deepEqual(await asked(port, pid), [null, true]);
});

test(
  "a connection is believed while the socket that was proved listens, and no longer",
  AS_OTHERS,
  async (t) => {
    const port = await freePort();
    const first = await startPortThief(t, port, { uid: OWN_UID });
    await first.taken();
    const own = new OwnPort(port, { pid: first.pid, mark: "nobody has this" });
    equal(await own.tookConnection(), false, "nothing is proved yet");
    equal(await own.stranger(), undefined);
    equal(await own.tookConnection(), true);
    const second = await startPortThief(t, port);
    process.kill(first.pid, "SIGKILL");
    await second.taken();
    equal(await own.tookConnection(), false);
    deepEqual(await own.stranger(), { pid: second.pid, uid: THIEF_UID });
  },
);
