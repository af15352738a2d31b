import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { launchedSite, start } from "../runtime/launched-site.js";
import { temporaryFolder } from "../rig/temporary-site.js";

/** What the launcher itself calls. */
const TOOLS = ["od", "dirname", "date", "mkdir", "ls", "sh", "chmod", "tr", "sed"];
const SAID =
  /^launch\.sh: a handover needs one TCP port, and Node 20 or newer on the PATH; starting the artifact itself, which is recycled\.$/m;

for (const [what, setting] of [
  ["several sockets of systemd", "export LISTEN_PID=$$ LISTEN_FDS=2"],
  ["a Unix socket", "export PORT=/run/site.sock"],
] as const) {
  test(`where a handover is wanted and the site has ${what}, the artifact is started itself, and that is said`, async (t) => {
    await assertRecycled(t, setting, { HTTP_PLATFORM_PORT: undefined });
  });
}

for (const [what, node] of [
  ["no Node", undefined],
  ["a Node that is too old", "echo v18.20.4"],
  ["a Node that does not start", "exit 126"],
] as const) {
  test(`where a handover is wanted and there is ${what}, the artifact is started itself, and that is said`, async (t) => {
    const bin = join(await temporaryFolder(t), "bin");
    await mkdir(bin);
    for (const tool of TOOLS) await symlink(`/bin/${tool}`, join(bin, tool));
    if (node !== undefined) await writeFile(join(bin, "node"), `#!/bin/sh\n${node}\n`, { mode: 0o755 });
    await assertRecycled(t, `PATH='${bin}'`, {});
  });
}

/** Runs the launcher of a site with a program that is no Node program. */
async function assertRecycled(t: TestContext, setting: string, env: NodeJS.ProcessEnv): Promise<void> {
  const layout = await launchedSite(t);
  await writeHandover(layout, {});
  await writeFile(join(layout.target, "program"), '#!/bin/sh\necho "$INPLACE_ARTIFACT $1"\nexit 5\n');
  await writeFile(layout.pointer, "program\n");
  const started = start(t, "sh", ["-c", `${setting}; exec sh launch.sh argument`], { env, cwd: layout.root });
  assert.equal(await started.exited, 5, started.stderr());
  assert.equal(started.stdout(), "program argument\n");
  assert.match(started.stderr(), SAID);
}
