// npm run test:fuzz -- [--seed N] [--messages N] [--seconds N] [--only heads,bodies] [--ci]
import { parseArgs } from "node:util";
import { EXIT } from "#src/errors.js";
import { PARTS } from "./parts.ts";
import type { Limits, Part } from "./part.ts";
import { endParts, runPart, type Ended } from "./run-part.ts";

const DEFAULT_SITES = 4;
const USAGE = `npm run test:fuzz -- [options]
  --seed N       of the first message; the next has N + 1 (default: a random one)
  --messages N   so many in each part (default: as many as there is time for)
  --seconds N    for each part (default: 10, or no limit where --messages is given)
  --sites N      that are served in live parts; one of them is hostile (default: ${DEFAULT_SITES})
  --only A,B     parts: ${PARTS.map(({ name }) => name).join(", ")}
  --ci           each part for a short time`;
/** For each part. */
const CI_SECONDS = 1;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    messages: { type: "string" },
    seconds: { type: "string" },
    sites: { type: "string" },
    only: { type: "string" },
    ci: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    interrupted = true;
    void endParts().then(() => process.exit(EXIT.interrupted));
  });

const counts = { pass: 0, fail: 0 };
const seed = number("seed", values.seed) ?? Math.floor(Math.random() * 2 ** 32);
console.log(`seed ${seed}`);
for (const part of chosen()) {
  const ended = await runPart(part, limits());
  if (interrupted) await new Promise(() => undefined); // The process is about to end.
  report(part, ended);
}
console.log(`# pass ${counts.pass}\n# fail ${counts.fail}`);
process.exitCode = counts.fail === 0 ? 0 : 1;

function limits(): Limits {
  const messages = number("messages", values.messages);
  const seconds =
    number("seconds", values.seconds) ?? (messages === undefined ? 10 : Number.MAX_SAFE_INTEGER);
  const sites = Math.max(2, number("sites", values.sites) ?? DEFAULT_SITES);
  return {
    seed,
    messages: messages ?? Number.MAX_SAFE_INTEGER,
    seconds: values.ci ? CI_SECONDS : seconds,
    sites,
    hurried: values.ci,
  };
}

function chosen(): readonly Part[] {
  const names = values.only?.split(",");
  const unknown = names?.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) fail(`There is no part ${unknown}.`);
  return PARTS.filter(({ name }) => names?.includes(name) ?? true);
}

function report({ name, unit }: Part, { done, seconds, outcomes, finding }: Ended): void {
  const rate = Math.round(done / Math.max(seconds, 0.001));
  const counted = [...outcomes].sort(([, some], [, others]) => others - some);
  const details = counted.map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  counts[finding === undefined ? "pass" : "fail"] += 1;
  console.log(
    `${finding === undefined ? "ok" : "not ok"} ${name}: ${done} ${unit}, ${rate} a second; ${details}`,
  );
  if (finding === undefined) return;
  const sites = values.sites === undefined ? "" : ` --sites ${values.sites}`;
  const again = `--only ${name} --seed ${finding.seed} --messages ${finding.messages}${sites}`;
  console.log(`${finding.text}\nagain: npm run test:fuzz -- ${again}`);
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) fail(`--${flag} ${text} is no whole number.`);
  return Number(text);
}

function fail(why: string): never {
  console.error(`${why}\n${USAGE}`);
  process.exit(2);
}
