// npm run test:apps -- [--only a,b] [--shard 1/4] [--front serve] [--resume] [--large] [--ci]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FRONTS, type App, type Front } from "./app.ts";
import { APPS } from "./catalogue/index.ts";
import { interrupted, runApp } from "./matrix.ts";
import { writeTable } from "./table.ts";
import { keep, kept, lostOf, passed, type Result } from "./results.ts";

// What a run has started ends with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void interrupted());

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    shard: { type: "string", default: "1/1" },
    front: { type: "string" },
    resume: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});

if (values.ci) {
  const args = ["--test", "--test-reporter=spec", fileURLToPath(new URL("small.js", import.meta.url))];
  process.exit(spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1);
}
let failed = 0;
if (!values.table) {
  for (const app of chosen()) failed += await runMissing(app);
}
await writeTable();
process.exit(failed === 0 ? 0 : 1);

function chosen(): readonly App[] {
  const names = values.only?.split(",");
  const unknown = names?.filter((name) => !APPS.some((app) => app.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`no app is called ${unknown.join(", ")}`);
  const [index = 1, of = 1] = values.shard.split("/").map(Number);
  return APPS.filter((app) => names?.includes(app.name) ?? (values.large || app.large !== true)).filter(
    (_, position) => position % of === index - 1,
  );
}

/** How many of the app's fronts failed. */
async function runMissing(app: App): Promise<number> {
  let count = 0;
  const fronts: Front[] = [];
  for (const front of (app.fronts ?? FRONTS).filter(
    (one) => values.front === undefined || values.front === one,
  )) {
    if (!values.resume || (await kept(app.name, front)) === undefined) fronts.push(front);
  }
  if (fronts.length === 0) return 0;
  await runApp(app, fronts, async (result) => {
    await keep(result);
    if (!passed(result)) count += 1;
    say(result);
  }).catch((error: unknown) => {
    count += 1;
    process.stdout.write(`${app.name}: ${String(error)}\n`);
  });
  return count;
}

function say(result: Result): void {
  const { outcome } = result;
  const text =
    "failed" in outcome
      ? outcome.failed
      : `${lostOf(outcome)} of ${outcome.sent} lost, swaps ${outcome.swaps.map(({ swapMs }) => swapMs ?? "-").join(" ")} ms`;
  const faults = "faults" in outcome ? outcome.faults.map((fault) => `\n    ${fault}`).join("") : "";
  const mark = passed(result) ? "ok" : "not ok";
  process.stdout.write(`${mark} ${result.app} ${result.version}, ${result.front}: ${text}${faults}\n`);
}
