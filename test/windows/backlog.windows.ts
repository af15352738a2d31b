import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RawClient } from "../listener/rig/raw-client.ts";
import { PROJECT } from "../rig/project.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { until } from "../rig/until.ts";
import { windowsMachine, windowsPath } from "../rig/windows.ts";

const QUEUED = 200;
const START_TIMEOUT_MS = 60_000;

const windows = await windowsMachine();

test("connections that wait in the kernel's queue on Windows are served, then told to close", async (t) => {
  const go = join(await temporaryFolder(t), "go");
  const program = join(PROJECT, "dist-test/listener/rig/blocked-server.js");
  const server = await windows.start(`node "${windowsPath(program)}" "${windowsPath(go)}"`, { cwd: PROJECT });
  const written = async (line: number): Promise<string | undefined> =>
    (await server.stdout()).split(/\r?\n/).slice(0, -1)[line];
  const port = Number(await until("the server listens", () => written(0), START_TIMEOUT_MS));
  const blocking = (await RawClient.connect({ port, tls: false })).get("/block");
  assert.equal((await blocking.responses(1)).length, 1);

  const clients = Array.from({ length: QUEUED }, () => RawClient.begin({ port, tls: false }).get("/"));
  await Promise.all(clients.map(({ socket }) => once(socket, "connect")));
  await writeFile(go, "");
  const answers = await Promise.all(clients.map((client) => client.responses(1)));
  for (const [answer] of answers) assert.deepEqual(answer, { status: 200, connection: "close", body: "ok" });
  for (const client of clients) {
    assert.equal(await client.ended, "fin");
    client.socket.end();
  }
  const report = JSON.parse(await until("the server has drained", () => written(1))) as {
    readonly served: number;
    readonly cut: unknown[];
  };
  blocking.socket.end();
  assert.equal(report.served, QUEUED);
  assert.deepEqual(report.cut, []);
});
