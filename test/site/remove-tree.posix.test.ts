import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { removeTree } from "#src/site/remove-tree.js";
import { temporaryFolder } from "../rig/temporary-site.js";

/** Puts the links l0 … in the places of the folders d0 … and back, without end. */
const SWAP = `
import ctypes, os, sys
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None)
here, exchange = -100, 2
print("ready", flush=True)
while True:
    for n in range(12):
        libc.renameat2(here, b"d%d" % n, here, b"l%d" % n, exchange)
`;

test("a folder is removed with nothing outside of it, while somebody puts links in the places of its folders", async (t) => {
  const root = await temporaryFolder(t);
  const victim = join(root, "victim");
  await mkdir(victim);
  for (let file = 0; file < 50; file += 1) await writeFile(join(victim, `${file}`), "keep");
  for (let round = 0; round < 10; round += 1) {
    const folder = join(root, `old${round}`);
    await mkdir(folder);
    for (let n = 0; n < 12; n += 1) {
      await mkdir(join(folder, `d${n}`));
      for (const name of ["a", "b", "c"]) await writeFile(join(folder, `d${n}`, name), "");
      await symlink(victim, join(folder, `l${n}`));
    }
    const swapper = spawn("python3", ["-c", SWAP, folder], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(swapper.stdout, "data");
      await removeTree(folder).catch(() => undefined); // It may find something new each time it looks.
    } finally {
      swapper.kill("SIGKILL");
      await once(swapper, "close");
    }
    await promisify(execFile)("rm", ["-rf", "--", folder]);
    assert.equal((await readdir(victim)).length, 50, `round ${round}`);
  }
});
