import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { launchedSite, start } from "../runtime/launched-site.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { launch, put, site, told } from "./launch-sh.js";

const HANDOVER_NEEDS =
  /a handover needs one TCP port, and Node 20 or newer on the PATH; starting the artifact itself/;

for (const [what, setting] of [
  ["several sockets of systemd", "export LISTEN_PID=$$ LISTEN_FDS=2"],
  ["a Unix socket", "export PORT=/run/site.sock"],
] as const) {
  test(`where a handover is wanted and the site has ${what}, the artifact is started itself, and that is said`, async (t) => {
    const layout = await launchedSite(t, await site(t));
    await writeHandover(layout, {});
    await put(
      layout,
      "program",
      '#!/bin/sh\nprintf \'{"artifact":"%s"}\' "$INPLACE_ARTIFACT"\nexit 5\n',
      0o755,
    );
    await writeFile(layout.pointer, "program\n");
    const env = { HTTP_PLATFORM_PORT: undefined };
    const started = start(t, "sh", ["-c", `${setting}; exec sh launch.sh`], { env, cwd: layout.root });
    assert.equal(await started.exited, 5, started.stderr());
    assert.equal(told(started)["artifact"], "program");
    assert.match(started.stderr(), HANDOVER_NEEDS);
  });
}

for (const [what, node] of [
  ["no Node", undefined],
  ["a Node that is too old", "echo v18.20.4"],
  ["a Node that does not start", "exit 126"],
] as const) {
  test(`where a handover is wanted and there is ${what}, the artifact is started itself, and that is said`, async (t) => {
    const layout = await launchedSite(t, await site(t));
    await writeHandover(layout, {});
    await put(
      layout,
      "program",
      '#!/bin/sh\nprintf \'{"artifact":"%s"}\' "$INPLACE_ARTIFACT"\nexit 5\n',
      0o755,
    );
    await writeFile(layout.pointer, "program\n");
    const bin = join(await temporaryFolder(t), "bin");
    await mkdir(bin);
    for (const tool of ["dirname", "date", "mkdir", "ls", "sh", "chmod"])
      await symlink(`/bin/${tool}`, join(bin, tool));
    if (node !== undefined) await writeFile(join(bin, "node"), `#!/bin/sh\n${node}\n`, { mode: 0o755 });
    const started = launch(t, layout, [], { PATH: bin });
    assert.equal(await started.exited, 5, started.stderr());
    assert.equal(told(started)["artifact"], "program");
    assert.match(started.stderr(), HANDOVER_NEEDS);
  });
}
