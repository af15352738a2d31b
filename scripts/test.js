// Runs the compiled tests: all of them, or those whose path contains one of the arguments.
// With --windows: those that drive Windows Node on Wine (*.windows.ts) instead of the others (*.test.ts).
// With --lane foreground or background: one half of the others, where the halves are started apart.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join, sep } from "node:path";
import { parseArgs } from "node:util";

/** Per file, on a machine that is busy with other things. */
const TEST_TIMEOUT_MS = 600_000;
/** Files of these do work, one step after the other, and hardly wait: what runs beside them goes first. */
const BACKGROUND = new Set([
  "accounts",
  "config",
  "deploy",
  "docs",
  "doctor",
  "examples",
  "faults",
  "log",
  "site",
  "trust",
  "watch",
]);
const BACKGROUND_PRIORITY = 10;

const { values, positionals: wanted } = parseArgs({
  options: { windows: { type: "boolean", default: false }, lane: { type: "string" } },
  allowPositionals: true,
});
if (values.lane !== undefined && values.lane !== "foreground" && values.lane !== "background") {
  console.error("--lane is foreground or background.");
  process.exit(1);
}
const ending = values.windows ? ".windows.js" : ".test.js";
const files = readdirSync("dist-test", { recursive: true })
  .map((file) => join("dist-test", file))
  .filter((file) => file.endsWith(ending))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(
    `No test file matches ${wanted.join(" ") || "dist-test"}; was it compiled (npm run pretest)?`,
  );
  process.exit(1);
}
process.exitCode = values.windows ? await runOnWindows() : await run();

/** Gives the first exit code that is not 0. */
async function run() {
  const behind = files.filter((file) => BACKGROUND.has(partOf(file)));
  const before = files.filter((file) => !BACKGROUND.has(partOf(file)));
  if (values.lane === "background") return runFiles(behind, 1, { priority: BACKGROUND_PRIORITY });
  if (values.lane === "foreground") return runForeground(before);
  if (before.length === 0) return runFiles(behind, 2);
  const background = runFiles(behind, 1, { priority: BACKGROUND_PRIORITY, inOnePiece: true });
  return (await runForeground(before)) || (await background);
}

async function runForeground(some) {
  // A thousand requests a second want a processor of their own. A systemd of a test's own shares the machine's control
  // groups with the next test's: of two units of one name, each would stop the other's processes.
  const isAlone = (file) => ["e2e", "fronts"].includes(partOf(file)) && !file.includes("haproxy");
  const alone = await runFiles(
    some.filter((file) => isAlone(file)),
    1,
  );
  const rest = await runFiles(
    some.filter((file) => !isAlone(file)),
    2,
  );
  return alone || rest;
}

function partOf(file) {
  return file.split(sep)[1];
}

/** inOnePiece: what it says comes when it is over. */
async function runFiles(some, atATime, { priority = 0, inOnePiece = false } = {}) {
  if (some.length === 0) return 0;
  const options = [
    "--test",
    "--test-reporter=spec",
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-concurrency=${atATime}`,
  ];
  const tests = spawn(process.execPath, [...options, ...some], {
    stdio: inOnePiece ? ["inherit", "pipe", "inherit"] : "inherit",
    // Each Node reads these at its start, which is a fourth of all that the tests cost; none asks the network.
    env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
  });
  const said = [];
  tests.stdout?.on("data", (chunk) => said.push(chunk));
  // Nobody but root may raise one.
  if (priority > getPriority() && tests.pid !== undefined) setPriority(tests.pid, priority);
  const [code] = await once(tests, "close");
  process.stdout.write(Buffer.concat(said));
  return code ?? 1;
}

async function runOnWindows() {
  const { windowsParts, endLeftMachines, MACHINES } = await import("../dist-test/rig/windows-parts.js");
  const parts = await windowsParts().catch((error) => {
    console.error(String(error.message));
    process.exit(1);
  });
  process.env[MACHINES] = parts.machines;
  try {
    // Each system call of Wine passes through one process.
    return await runFiles(files, 1);
  } finally {
    await endLeftMachines(parts);
  }
}
