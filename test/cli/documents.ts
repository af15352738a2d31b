import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";
import type { Cleanup } from "../rig/temporary-site.ts";

export interface Answer {
  readonly code: number;
  readonly document: Readonly<Record<string, unknown>> & { readonly error?: Failure };
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const MAIN = pathToFileURL(join(PROJECT, "dist", "cli", "main.js"));
const PROGRAM = `
  const { main } = await import(${JSON.stringify(MAIN)});
  const own = { ...process.env };
  for (const { args, env } of JSON.parse(process.argv[1])) {
    Object.assign(process.env, env);
    process.stdout.write(await main([...args, "--json"]) + "\\n");
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, own);
  }`;

/** A command line, or one with variables for it alone. */
export type Line =
  | readonly string[]
  | { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** What the command answers to each of the lines with --json; in one process, since to start one takes longer than they do. */
export async function documentsOf(
  t: Cleanup,
  cwd: string,
  lines: readonly Line[],
  env: NodeJS.ProcessEnv = {},
): Promise<Answer[]> {
  const given = lines.map((line) => ("args" in line ? line : { args: line, env: {} }));
  const args = ["--input-type=module", "--eval", PROGRAM, JSON.stringify(given)];
  const { code, stdout, stderr } = await runProgram(t, process.execPath, args, { cwd, env });
  assert.equal(code, 0, stderr);
  const printed = stdout.trim().split("\n");
  assert.equal(printed.length, 2 * lines.length, stdout);
  return lines.map((_, at) => ({
    code: Number(printed[2 * at + 1]),
    document: JSON.parse(printed[2 * at] ?? "") as Answer["document"],
  }));
}
