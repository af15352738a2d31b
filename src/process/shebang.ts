import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { isFile, isOnPath } from "./program.ts";

/** What starts a script, with the one argument that a first line can hold. */
export interface Interpreter {
  readonly file: string;
  readonly args: readonly string[];
}

/** By its name, as launch.sh tells it too. */
export function isShellScript(path: string): boolean {
  return /\.sh$/i.test(path);
}

const SHELL: Interpreter = { file: "/bin/sh", args: [] };
/** Linux reads no further either. */
const LONGEST_LINE = 256;

/**
 * By the script's first line, read as the system itself reads it, but for a byte order mark, which it takes for text; /bin/sh where that names none. Who starts it by this needs no
 * executable bit, which a checkout made on Windows has lost.
 * https://man7.org/linux/man-pages/man2/execve.2.html#Interpreter_scripts
 */
export function interpreterOf(script: string): Interpreter {
  const [, file, argument] = /^\uFEFF?#![ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(firstLine(script)) ?? [];
  if (file === undefined) return SHELL;
  return { file, args: argument === undefined || argument === "" ? [] : [argument] };
}

/** The name or path of what the first line asks for, and of which nothing is here. */
export function missingInterpreter(script: string, env: NodeJS.ProcessEnv): string | undefined {
  const { file, args } = interpreterOf(script);
  if (!isThere(file, env)) return file;
  if (basename(file) !== "env") return undefined;
  const words = (args[0] ?? "").split(/[ \t]+/);
  // Behind the options of env, and the variables that it sets.
  const program = words.find((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
  return program === undefined || /["'$\\]/.test(program) || isThere(program, env) ? undefined : program;
}

function isThere(program: string, env: NodeJS.ProcessEnv): boolean {
  return program.includes("/") ? isFile(program) : isOnPath(program, env);
}

/** As launch.sh has it: without the CR that an editor on Windows leaves. Empty where it cannot be read: who starts it says why. */
function firstLine(path: string): string {
  if (!isFile(path)) return "";
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(LONGEST_LINE);
      const text = bytes.toString("utf8", 0, readSync(file, bytes));
      return text.split("\n", 1)[0]?.replace(/\r$/, "") ?? "";
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
