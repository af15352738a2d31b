import { existsSync } from "node:fs";
import { basename, isAbsolute, relative, resolve } from "node:path";
import { isFile, isOnPath } from "./program.ts";
import { interpreterOf, isShellScript } from "./shebang.ts";
import { localArgument, localPath, unquoted, type LocalPath } from "./windows-path.ts";

/** What to hand to child_process.spawn. */
export interface SpawnCall {
  readonly file: string;
  readonly args: readonly string[];
  /** The arguments are a finished Windows command line: Node must not quote them again. */
  readonly verbatim: boolean;
}

const BATCH_FILE = /\.(cmd|bat)$/i;

/**
 * A program and its argument line, as web.config writes them, as a call for spawn.
 * A batch file needs cmd.exe on Windows (Node refuses it otherwise since CVE-2024-27980); elsewhere its `.sh` twin is meant.
 * Both come from the site's own configuration; nothing that a client sent may ever get here.
 */
export function spawnCall(
  program: string,
  argumentLine: string,
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): SpawnCall {
  if (platform === "win32") return windowsCall(unquoted(program), argumentLine.trim(), cwd);
  const { path } = findProgram(program, cwd, env, platform);
  const args = splitArguments(argumentLine).map((word) => localArgument(word, cwd));
  if (isShellScript(path)) {
    const { file, args: before } = interpreterOf(path);
    return { file, args: [...before, path, ...args], verbatim: false };
  }
  return { file: path, args, verbatim: false };
}

/** The file that `spawnCall` runs for it, or the bare name that is left to PATH. */
export function findProgram(
  program: string,
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): LocalPath {
  const name = unquoted(program);
  if (platform === "win32") return { path: inFolder(name, cwd) };
  // npm.cmd is npm.
  const bare = name.replace(BATCH_FILE, "");
  if (bare !== name && !isFile(resolve(cwd, `${bare}.sh`)) && isOnPath(bare, env)) return { path: bare };
  const twin = name.replace(BATCH_FILE, ".sh");
  const { path, notHere } = localPath(twin, cwd, platform);
  if (notHere !== undefined) return { path, notHere };
  // Programs have no such extension here: java.exe is java.
  const file = existsSync(path) ? path : path.replace(/\.exe$/i, "");
  return { path: /[\\/]/.test(twin) || isFile(file) ? file : basename(file) };
}

function windowsCall(program: string, argumentLine: string, cwd: string): SpawnCall {
  if (!BATCH_FILE.test(program)) {
    // Like the module: program and arguments as they stand; only the program is quoted.
    return { file: inFolder(program, cwd), args: [argumentLine], verbatim: true };
  }
  // Relative where possible, so that a "%" or "^" in the site's path never reaches cmd.exe.
  const path = isAbsolute(program) ? relative(cwd, program) || program : program;
  const line = `/d /s /c ""${path}"${argumentLine === "" ? "" : ` ${argumentLine}`}"`;
  return { file: process.env["ComSpec"] ?? "cmd.exe", args: [line], verbatim: true };
}

/** A path counts from the folder; a bare name that is no file there is left to PATH. */
function inFolder(program: string, cwd: string): string {
  const path = resolve(cwd, program);
  return /[\\/]/.test(program) || isFile(path) ? path : program;
}

/** By Windows' rules: blanks separate, double quotes keep together, backslashes are special only before a quote. */
export function splitArguments(line: string): string[] {
  const found: string[] = [];
  let current: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '"') {
      quoted = !quoted;
      current ??= "";
    } else if (character === "\\") {
      const run = /^\\+/.exec(line.slice(at))?.[0].length ?? 1;
      const beforeQuote = line[at + run] === '"';
      current = (current ?? "") + "\\".repeat(beforeQuote ? run >> 1 : run);
      at += run - 1;
      if (beforeQuote && run % 2 === 1) {
        current += '"';
        at += 1;
      }
    } else if (/\s/.test(character) && !quoted) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + character;
    }
  }
  if (current !== undefined) found.push(current);
  return found;
}
