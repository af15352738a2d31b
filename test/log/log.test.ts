import assert from "node:assert/strict";
import { test } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";

const LOG = new URL("../../dist/log/log.js", import.meta.url).href;

function logged(t: Parameters<typeof runProgram>[0], options: object, env: NodeJS.ProcessEnv = {}) {
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog(${JSON.stringify(options)});
    log({ type: "pointer-moved", artifact: "b.mjs", previous: "a.mjs" });
    log({ type: "artifact-failed", artifact: "b.mjs", reason: "exit code 1" });
  `;
  return runProgram(t, process.execPath, ["--input-type=module", "-e", script], { cwd: PROJECT, env });
}

test("what happens goes to stdout, problems go to stderr", async (t) => {
  const { stdout, stderr } = await logged(t, {});
  assert.equal(stdout, "current: b.mjs (was a.mjs)\n");
  assert.equal(stderr, "b.mjs failed: exit code 1\n");
});

test("with --json stdout is left to the document", async (t) => {
  const { stdout, stderr } = await logged(t, { json: true });
  assert.equal(stdout, "");
  assert.equal(stderr, "b.mjs failed: exit code 1\n");
});

test("no colours where stderr is no terminal", async (t) => {
  const { stderr } = await logged(t, {}, { FORCE_COLOR: "" });
  assert.equal(stderr.includes("\u001b"), false);
});
