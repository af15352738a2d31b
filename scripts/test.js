// Runs the compiled tests: all of them, or those whose path contains one of the arguments.
// With --windows: those that drive Windows Node on Wine (*.windows.ts) instead of the others (*.test.ts).
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** Per file, on a machine that is busy with other things. */
const TEST_TIMEOUT_MS = 600_000;

const { values, positionals: wanted } = parseArgs({
  options: { windows: { type: "boolean", default: false } },
  allowPositionals: true,
});
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
const status = values.windows ? await runOnWindows() : run();
process.exit(status);

function run() {
  // Most tests wait for processes and clocks, so two files at a time. A thousand requests a second want both
  // processors, and so does Wine. A systemd of a test's own shares the machine's control groups with the next test's:
  // of two units of one name, each would stop the other's processes.
  if (values.windows) return runFiles(files, 1);
  const alone = (file) =>
    ["e2e", "fronts"].some((part) => file.startsWith(join("dist-test", part))) && !file.includes("haproxy");
  const first = runFiles(files.filter(alone), 1);
  const rest = runFiles(
    files.filter((file) => !alone(file)),
    2,
  );
  return first || rest;
}

function runFiles(some, atATime) {
  if (some.length === 0) return 0;
  const options = [
    "--test",
    "--test-reporter=spec",
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-concurrency=${atATime}`,
  ];
  return spawnSync(process.execPath, [...options, ...some], { stdio: "inherit" }).status ?? 1;
}

async function runOnWindows() {
  const { windowsParts, endLeftMachines, MACHINES } = await import("../dist-test/rig/windows-parts.js");
  const parts = await windowsParts().catch((error) => {
    console.error(String(error.message));
    process.exit(1);
  });
  process.env[MACHINES] = parts.machines;
  try {
    return run();
  } finally {
    await endLeftMachines(parts);
  }
}
