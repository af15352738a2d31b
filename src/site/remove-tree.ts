import { execFile } from "node:child_process";
import { lstat, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { systemCode } from "../errors.ts";

/** Elsewhere nobody holds a file so that it cannot be removed. */
const HELD_RETRIES = process.platform === "win32" ? 5 : 0;
const run = promisify(execFile);

/**
 * Removes a file, or a folder with all that is in it; nothing outside of it, whoever changes it meanwhile. What is not there is
 * no error. Node goes by paths: who put a link in the place of a folder below, just in time, had it remove elsewhere. rm(1)
 * goes by descriptors.
 */
export async function removeTree(path: string): Promise<void> {
  const isFolder = (await lstat(path).catch(() => undefined))?.isDirectory() === true;
  if (isFolder && process.platform !== "win32") {
    try {
      await run("rm", ["-rf", "--", path]);
      return;
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error; // ENOENT: this system has no such command.
    }
  }
  await rm(path, { recursive: true, force: true, maxRetries: HELD_RETRIES, retryDelay: 100 });
}
