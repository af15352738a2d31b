import { execFile, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Set in a namespace where this process may mount. */
const MAY_MOUNT = "INPLACE_TEST_MAY_MOUNT";

/**
 * A test that needs to mount a disk. Whoever is not root runs it in a user namespace of its own (unshare, Linux), where
 * everybody is: the file is run again there, with this test alone.
 */
export function testWithDisk(file: string, name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (process.getuid?.() === 0 || process.env[MAY_MOUNT] === "1") {
      // Before the clean-up of folders, which could not remove what is a mount.
      t.after(unmountAll);
      return body(t);
    }
    const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const args = [
      "--user",
      "--map-root-user",
      "--mount",
      process.execPath,
      "--test-name-pattern",
      pattern,
      fileURLToPath(file),
    ];
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, [MAY_MOUNT]: "1" };
    await run("unshare", args, { env });
  });
}

/** The folder of a disk of its own with so many bytes (tmpfs), gone when this process ends. */
export async function smallDisk(bytes: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "inplace-disk-"));
  await mount("-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
  // Not when the test ends: what it started there may be ended after that only, and would write to what is below.
  process.once("exit", () => {
    unmount(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Puts such a disk in the place of a folder, until the test ends. */
export async function mountDisk(folder: string, bytes: number, mode = 0o1777): Promise<void> {
  await mount("-t", "tmpfs", "-o", `size=${bytes},mode=${mode.toString(8)}`, "tmpfs", folder);
  mounted.push(folder);
}

/** Makes a file a mount of its own, as a container is given one, until the test ends. */
export async function mountFile(path: string): Promise<void> {
  await mount("--bind", path, path);
  mounted.push(path);
}

const mounted: string[] = [];

function unmountAll(): void {
  for (const path of mounted.splice(0)) unmount(path);
}

async function mount(...args: readonly string[]): Promise<void> {
  await run("mount", [...args]);
}

function unmount(path: string): void {
  spawnSync("umount", ["--lazy", path]);
}
