// Runs one part: node part-process.js PART SEED MESSAGES SECONDS SITES HURRIED. Tells its parent how far it is and how it ended.
import { PARTS } from "./parts.ts";
import { Finding, Run } from "./part.ts";

/** What the process of a part tells. */
export type FromPart =
  | { readonly type: "progress"; readonly done: number }
  | {
      readonly type: "end";
      readonly done: number;
      readonly outcomes: readonly (readonly [string, number])[];
      readonly finding:
        | { readonly seed: number; readonly messages: number; readonly text: string }
        | undefined;
    };

const TELL_EVERY_MS = 500;

const [name, ...limits] = process.argv.slice(2);
const part = PARTS.find((each) => each.name === name);
if (part === undefined) throw new Error(`There is no part ${name}.`);
const [seed = 0, messages = 0, seconds = 0, sites = 0, hurried = 0] = limits.map(Number);
const run = new Run({ seed, messages, seconds, sites, hurried: hurried === 1 });
const progress = setInterval(() => tell({ type: "progress", done: run.done }), TELL_EVERY_MS);
// The parent gives up, or Ctrl+C: what was started ends with us.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void giveUp());
process.once("disconnect", () => void giveUp());

let finding: Finding | undefined;
try {
  await part.run(run);
} catch (error) {
  finding = asFinding(error);
}
try {
  await run.cleanUp();
} catch (error) {
  finding ??= asFinding(error);
}
clearInterval(progress);
tell({
  type: "end",
  done: run.done,
  outcomes: [...run.outcomes],
  finding: finding && { seed: finding.seed, messages: finding.messages, text: finding.message },
});
process.disconnect();

function asFinding(error: unknown): Finding {
  if (error instanceof Finding) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Finding(run.limits.seed, text, Math.max(1, run.done));
}

async function giveUp(): Promise<void> {
  await run.cleanUp().catch((error: unknown) => console.error(String(error)));
  process.exit(1);
}

function tell(message: FromPart): void {
  if (process.connected) process.send?.(message);
}
