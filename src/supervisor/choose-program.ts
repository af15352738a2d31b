// What launchers ask where a signature is required: prints the artifact to start and, on a second line, the checked program.
// "-" where none is required after all. Its argument is the artifact that has just failed, or "". The working folder is the
// site's root. Exit code 4, and no output: nothing may be started.
import { relative } from "node:path";
import { ERROR_CODES, InplaceError } from "../errors.ts";
import { printableLines } from "../printable.ts";
import { isMarkedFailed, markFailed } from "../site/health-marks.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { requiredKey } from "../site/trust/required-key.ts";
import { isRefusal } from "../site/trust/refusal.ts";
import { runnableFile } from "../site/trust/runnable.ts";
import { standardError, standardOutput } from "../standard-streams.ts";
import { lastGoodRelease } from "./release.ts";

interface Choice {
  readonly artifact: string;
  readonly program: string;
}

/** What the pointer names, else the last good one, else what the pointer names although it has failed before. */
async function choose(layout: SiteLayout, except: string | undefined): Promise<Choice> {
  const pointer = await readPointer(layout);
  const pointed = pointer.state === "names" && pointer.artifact !== except ? pointer.artifact : undefined;
  const failed = pointed !== undefined && (await isMarkedFailed(layout, pointed));
  let refusal = new InplaceError("ARTIFACT_MISSING", `${layout.target} holds no signed artifact to start.`);
  if (pointed !== undefined && !failed) {
    const choice = await checked(layout, pointed);
    if (!(choice instanceof InplaceError)) return choice;
    refusal = choice;
  }
  const good = await lastGoodRelease(layout, except ?? pointed);
  const fallback = good?.artifact ?? (failed ? pointed : undefined);
  if (fallback === undefined) throw refusal;
  const choice = await checked(layout, fallback);
  if (choice instanceof InplaceError) throw choice;
  say(
    `${refusal.message} Starting ${fallback === pointed ? "it although it has failed before" : `the last good artifact, ${fallback}`}.`,
  );
  return choice;
}

/** What is wrong with the artifact is marked; what is wrong with the site is thrown. */
async function checked(layout: SiteLayout, artifact: string): Promise<Choice | InplaceError> {
  try {
    return { artifact, program: relative(layout.root, await runnableFile(layout, artifact)) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await markFailed(layout, artifact, `${error.code}: ${error.message}`).catch(() => undefined); // It is refused again.
    return error;
  }
}

function say(text: string): void {
  standardError.write(`launcher: ${printableLines(text)}\n`);
}

try {
  const layout = siteLayout(".");
  if ((await requiredKey(layout)) === undefined) {
    standardOutput.writeResult("-\n");
  } else {
    const { artifact, program } = await choose(layout, process.argv[2] || undefined);
    standardOutput.writeResult(`${artifact}\n${program}\n`);
  }
} catch (error) {
  const known = error instanceof InplaceError;
  say(known ? `${error.code}: ${error.message} ${error.hint}` : `nothing is started: ${String(error)}`);
  process.exitCode = known ? ERROR_CODES[error.code].exit : 4;
}
