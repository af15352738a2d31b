import { spawnSync } from "node:child_process";

/** For a test's `skip`: the program's name where it is not installed. In CI nothing is skipped: there it must be. */
export function unlessInstalled(...programs: readonly string[]): { readonly skip: string | false } {
  if (process.env["CI"] === "true") return { skip: false };
  const missing = programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  return { skip: missing.length === 0 ? false : `not installed: ${missing.join(", ")}` };
}

/** Debian keeps servers in folders that the PATH of plain users lacks. */
process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
