import { chmod, open } from "node:fs/promises";
import { extname, isAbsolute, join, posix } from "node:path";
import { InplaceError } from "../../errors.ts";
import { isFile, isOnPath } from "../../process/program.ts";
import { interpreterOf, isShellScript, missingInterpreter } from "../../process/shebang.ts";
import { expectProgram } from "../../site/program.ts";
import type { StartLine } from "../start-line.ts";
import type { BuildWarning } from "./builder.ts";

/** What runs files that do not run by themselves. */
const RUN_BY: Readonly<Record<string, string>> = {
  ".dll": "dotnet",
  ".jar": "java -jar",
  ".js": "node",
  ".cjs": "node",
  ".mjs": "node",
  ".php": "php",
  ".pl": "perl",
  ".py": "python3",
  ".rb": "ruby",
  ".ts": "node --import tsx",
};
/** What Windows starts by a name without it. */
const IMPLIED = process.platform === "win32" ? ["", ".exe", ".cmd", ".bat"] : [""];

export interface ProgramPlace {
  /** Where the line is run. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onWarning: (warning: BuildWarning) => void;
}

/**
 * The line as the system can start it: a script by what its first line names. `file`: of the artifact, where the program is
 * one, relative to the folder with "/". Warns of a program that is not on this machine. Throws CONFIG_INVALID for what is
 * not in the artifact, or is no program.
 */
export async function startable(
  start: StartLine,
  file: string | undefined,
  place: ProgramPlace,
): Promise<StartLine> {
  const { folder, env, onWarning } = place;
  if (file === undefined) {
    expectOfSystem(start, place);
    return start;
  }
  const path = join(folder, file);
  const name = posix.normalize(file);
  await expectProgram(path).catch((cause: unknown) => {
    if (!(cause instanceof InplaceError)) throw cause;
    const why = cause.message.slice(path.length + 1);
    throw refused(`${name} ${why}`, name, cause);
  });
  if (process.platform === "win32") return { ...start, program: `.\\${name.replaceAll("/", "\\")}` };
  if (!isShellScript(path) && !(await isScript(path))) {
    // A checkout made on Windows, or an archive, has lost it.
    await chmod(path, 0o755);
    return { ...start, program: `./${name}` };
  }
  const missing = missingInterpreter(path, env);
  if (missing !== undefined) onWarning(notHere(missing, `the first line of ${name}`));
  const by = interpreterOf(path);
  return { ...start, program: by.file, args: [...by.args, `./${name}`, ...start.args] };
}

async function isScript(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(2), 0, 2, 0)).buffer.toString() === "#!";
  } finally {
    await file.close();
  }
}

export function isPath(program: string): boolean {
  return /[\\/]/.test(program);
}

function expectOfSystem({ program }: StartLine, { folder, env, onWarning }: ProgramPlace): void {
  // A variable of the host may lead anywhere.
  if (/[$%~]/.test(program)) return;
  const isThere = isPath(program)
    ? IMPLIED.some((end) => isFile(join(isAbsolute(program) ? "" : folder, program + end)))
    : isOnPath(program, env);
  if (isThere) return;
  const isOfArtifact = isPath(program) ? !isAbsolute(program) : extname(program) in RUN_BY;
  if (isOfArtifact) throw refused(`there is no ${program} in the artifact.`, program);
  onWarning(notHere(program, "build.start"));
}

function refused(what: string, file: string, cause?: unknown): InplaceError {
  const program = RUN_BY[extname(file)];
  return new InplaceError("CONFIG_INVALID", `build.start: ${what}`, {
    cause,
    hint:
      program === undefined || cause === undefined
        ? "Name a file that the build makes, or that git does not ignore."
        : `Write what runs it before it: ${program} ${file}`,
  });
}

function notHere(program: string, named: string): BuildWarning {
  return {
    message: `${program}: no such program is on this machine, and ${named} starts the release with it`,
    hint: "Install it on the host, or name the program that is there in build.start.",
  };
}
