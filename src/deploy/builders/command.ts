import { chmod, lstat } from "node:fs/promises";
import { join } from "node:path";
import type { CommandBuild, CommandLine } from "../../config/config.ts";
import { InplaceError, systemCode } from "../../errors.ts";
import { runCommand, type Runnable } from "../run-command.ts";
import { expectSuccess, type Built, type BuildRequest } from "./builder.ts";

/** Any command; what it creates at $ARTIFACT, a file or a folder, is the artifact. */
export async function buildByCommand(config: CommandBuild, request: BuildRequest): Promise<Built> {
  const extension = config.extension ?? (process.platform === "win32" ? ".exe" : "");
  const path = join(request.output, `${request.name}${extension}`);
  const command = await runBuildCommand(config, request, path);
  await expectArtifact(path);
  // A name without extension is started as it is, so it has to be executable.
  if (extension === "" && (await lstat(path)).isFile()) await chmod(path, 0o755);
  return { path, extension, builder: `command: ${command}`, taken: [] };
}

/** Runs the configured command in the source; gives its text. Throws BUILD_FAILED or BUILD_TIMED_OUT. */
export async function runBuildCommand(
  line: CommandLine,
  request: BuildRequest,
  artifact: string,
): Promise<string> {
  // Names and paths reach the command by environment alone: a shell would interpret them.
  const variables = { ARTIFACT: artifact, COMMIT: request.commit ?? "", SITE: request.site };
  const what = runnable(line, variables);
  const text = line.shell ?? (line.command ?? []).join(" ");
  const { env, signal, limitMs, onLine } = request;
  const end = await runCommand(what, {
    cwd: request.source,
    env: { ...env, ...variables },
    signal,
    limitMs,
    onLine,
  });
  expectSuccess(`The build (${text})`, end, limitMs);
  return text;
}

function runnable(line: CommandLine, variables: Readonly<Record<string, string>>): Runnable {
  if (line.shell !== undefined) return { kind: "shell", line: line.shell };
  const [file = "", ...args] = line.command ?? [];
  const filled = args.map((arg) =>
    arg.replace(/\$(ARTIFACT|COMMIT|SITE)\b/g, (all, name: string) => variables[name] ?? all),
  );
  return { kind: "argv", file, args: filled };
}

async function expectArtifact(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new InplaceError("BUILD_EMPTY", `The build succeeded, but created nothing at ${path}.`, {
      cause: error,
    });
  }
}
