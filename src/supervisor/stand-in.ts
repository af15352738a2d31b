import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { spawnCall, type SpawnCall } from "../process/command.ts";
import { SUPERVISED_ENV } from "../process/worker-messages.ts";

/** The program and the arguments that this process, standing in for it, was started with. */
export function programCall(): SpawnCall {
  const [path = "", ...args] = process.argv.slice(2);
  const call = spawnCall(path, "", process.cwd());
  const own = call.args.filter((arg) => arg !== "");
  return { ...call, args: [...own, ...(call.verbatim ? args.map((arg) => `"${arg}"`) : args)] };
}

/**
 * Starts it in our own process group, so that whoever ends our tree ends it too. Its output is ours.
 * When we exit, it is asked to end.
 */
export function startProgram(
  call: SpawnCall,
  env: NodeJS.ProcessEnv,
  stdio: StdioOptions = ["pipe", "inherit", "inherit"],
): ChildProcess {
  const inherited: NodeJS.ProcessEnv = { ...process.env, ...env };
  delete inherited[SUPERVISED_ENV];
  // With it a program of its own mind watches the pointer, and would go before the next release is proven.
  delete inherited["INPLACE_SITE_ROOT"];
  const program = spawn(call.file, call.args, {
    env: inherited,
    stdio,
    windowsHide: true,
    windowsVerbatimArguments: call.verbatim,
    ...(call.verbatim ? { argv0: `"${call.file}"` } : {}),
  });
  const end = (): void => void program.kill("SIGTERM");
  process.once("exit", end);
  program.once("exit", () => process.off("exit", end));
  return program;
}
