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
  for (const args of JSON.parse(process.argv[1])) process.stdout.write(await main([...args, "--json"]) + "\\n");`;

/** What the command answers to each of the lines with --json; in one process, since to start one takes longer than they do. */
export async function documentsOf(
  t: Cleanup,
  cwd: string,
  lines: readonly (readonly string[])[],
  env: NodeJS.ProcessEnv = {},
): Promise<Answer[]> {
  const args = ["--input-type=module", "--eval", PROGRAM, JSON.stringify(lines)];
  const { code, stdout, stderr } = await runProgram(t, process.execPath, args, { cwd, env });
  assert.equal(code, 0, stderr);
  const printed = stdout.trim().split("\n");
  assert.equal(printed.length, 2 * lines.length, stdout);
  return lines.map((_, at) => ({
    code: Number(printed[2 * at + 1]),
    document: JSON.parse(printed[2 * at] ?? "") as Answer["document"],
  }));
}
