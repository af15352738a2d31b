import { spawnSync } from "node:child_process";

/** For a test's `skip`: the program's name where it is not installed. In CI nothing is skipped: there it must be. */
export function unlessInstalled(...programs: readonly string[]): { readonly skip: string | false } {
  if (process.env["CI"] === "true") return { skip: false };
  const missing = programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  return { skip: missing.length === 0 ? false : `not installed: ${missing.join(", ")}` };
}

/** The same for what a command of its own has to find, as a module of Python. */
export function unlessRuns(
  what: string,
  program: string,
  ...args: readonly string[]
): { readonly skip: string | false } {
  if (process.env["CI"] === "true" || spawnSync(program, args).status === 0) return { skip: false };
  return { skip: `not installed: ${what}` };
}

/** Debian keeps servers in folders that the PATH of plain users lacks. */
process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
