import { statSync } from "node:fs";
import { dirname } from "node:path";
import { InplaceError } from "../errors.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import { runCommand, type RunEnd, type Runnable } from "./run-command.ts";

export const POST_ACTION_LIMIT_MS = 10 * 60_000;

/** Runs POST_DEPLOYMENT_ACTION, a script's path or a command line. Throws POST_ACTION_FAILED; the release stays current. */
export async function runPostAction(
  action: string,
  options: {
    readonly cwd: string;
    readonly env: NodeJS.ProcessEnv;
    readonly signal: AbortSignal;
    readonly emit: EventSink<DeployEvent>;
    readonly onLine: (line: string) => void;
  },
): Promise<void> {
  const { emit } = options;
  emit({ type: "post-action-started", action });
  const { what, cwd } = resolveAction(action, options.cwd);
  let end: RunEnd;
  try {
    end = await runCommand(what, { ...options, cwd, limitMs: POST_ACTION_LIMIT_MS });
  } catch (error) {
    if (!options.signal.aborted) throw error;
    const what = `The release is published, but POST_DEPLOYMENT_ACTION (${action}) was interrupted.`;
    throw new InplaceError("INTERRUPTED", what, {
      hint: "Deploy again to run the action again.",
      cause: error,
    });
  }
  if (end.end === "exit" && end.code === 0) return;
  const how =
    end.end === "exit"
      ? `exit code ${end.code}`
      : end.end === "not-started"
        ? end.reason
        : `it was ended (${end.end})`;
  const output = end.tail.length === 0 ? "" : `\n${end.tail.join("\n")}`;
  throw new InplaceError(
    "POST_ACTION_FAILED",
    `The release is published, but POST_DEPLOYMENT_ACTION (${action}) failed: ${how}.${output}`,
  );
}

// As Kudu's own scripts do it: quotes around the path do not count, and a script runs in its own folder.
function resolveAction(action: string, cwd: string): { readonly what: Runnable; readonly cwd: string } {
  const path = action.replaceAll('"', "");
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) {
    return { what: { kind: "argv", file: path, args: [] }, cwd: dirname(path) };
  }
  return { what: { kind: "shell", line: action }, cwd };
}
