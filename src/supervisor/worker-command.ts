import { fileURLToPath, pathToFileURL } from "node:url";
import { packageFile } from "../package-files.ts";
import type { SpawnCall } from "../process/command.ts";
import { NODE_PROGRAM } from "../site/entry-point.ts";

/** What an artifact is to be started with, besides itself. */
export interface LaunchOptions {
  /** Passed on to the artifact. */
  readonly args: readonly string[];
  /** How a program that is no Node program gets its visitors. */
  readonly socket: "private-port" | "inherit";
}

/** In a site's bundle of the runtime the programs lie beside the supervisor, elsewhere in the bundle that was built. */
const BUNDLE = import.meta.url.endsWith(".mjs")
  ? new URL("./", import.meta.url)
  : pathToFileURL(packageFile("dist/runtime/bundle/"));
const PRELOAD = new URL("supervised.mjs", BUNDLE);
const PORT_PROGRAM = new URL("port-program.mjs", BUNDLE);
const INHERIT_PROGRAM = new URL("inherit-program.mjs", BUNDLE);

/**
 * How an artifact is started as a worker, by its entry point. A Node program gets the shared socket through the preloaded runtime. Before
 * any other program stands a small Node process of ours that takes part in its stead.
 */
export function workerCommand(entry: string, options: LaunchOptions): SpawnCall {
  return {
    file: process.execPath,
    args: [...before(entry, options), entry, ...options.args],
    verbatim: false,
  };
}

function before(entry: string, { socket }: LaunchOptions): readonly string[] {
  const preloaded = ["--import", PRELOAD.href];
  if (NODE_PROGRAM.test(entry)) return preloaded;
  switch (socket) {
    case "private-port":
      return [...preloaded, fileURLToPath(PORT_PROGRAM)];
    case "inherit":
      return [fileURLToPath(INHERIT_PROGRAM)];
    default:
      return socket satisfies never;
  }
}
