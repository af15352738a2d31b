import assert from "node:assert/strict";
import { test } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";

test("the tables of error codes and configuration keys say what the code does (npm run docs writes them)", async (t) => {
  const { code, stderr } = await runProgram(t, process.execPath, ["scripts/docs.js", "--check"], {
    cwd: PROJECT,
  });
  assert.equal(stderr, "");
  assert.equal(code, 0);
});
