import type { RunEnd, RunOptions } from "../run-command.ts";
import { TAIL_LINES } from "../run-command.ts";
import { InplaceError } from "../../errors.ts";

/** What a builder is given. */
export interface BuildRequest extends Omit<RunOptions, "cwd"> {
  /** The folder that is built. */
  readonly source: string;
  /** An empty folder; the artifact is created in it, and nothing else. */
  readonly output: string;
  /** The artifact's name without its extension. */
  readonly name: string;
  readonly commit: string | undefined;
  readonly site: string;
  /** Says what will go wrong with the artifact, though it can be built. */
  readonly onWarning: (warning: BuildWarning) => void;
}

export interface BuildWarning {
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

export interface Built {
  readonly path: string;
  /** With its dot; empty for a folder or a bare executable. */
  readonly extension: string;
  /** How it was built, for people. */
  readonly builder: string;
  /** Files that lay in the source already and are part of the artifact, absolute; packages apart. */
  readonly taken: readonly string[];
}

/** Throws BUILD_FAILED or BUILD_TIMED_OUT with the last lines of the command's output. */
export function expectSuccess(what: string, end: RunEnd, limitMs: number): void {
  switch (end.end) {
    case "exit":
      if (end.code === 0) return;
      throw buildFailed(`${what} ended with exit code ${end.code}`, end.tail);
    case "killed":
      throw buildFailed(`${what} was ended by ${end.by}`, end.tail);
    case "not-started":
      throw buildFailed(`${what} could not be started: ${end.reason}`, end.tail);
    case "timed-out":
      throw new InplaceError(
        "BUILD_TIMED_OUT",
        withTail(`${what} did not end within ${limitMs / 1000} s`, end.tail),
      );
    default:
      end satisfies never;
  }
}

export function buildFailed(what: string, tail: readonly string[]): InplaceError {
  return new InplaceError("BUILD_FAILED", withTail(what, tail));
}

function withTail(what: string, tail: readonly string[]): string {
  return tail.length === 0 ? `${what}.` : `${what}:\n${tail.slice(-TAIL_LINES).join("\n")}`;
}
