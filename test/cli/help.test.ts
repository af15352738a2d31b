import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { PROJECT } from "../rig/project.ts";

const INPLACE = join(PROJECT, "bin", "inplace.js");

test("the help of every verb shows it in use", async () => {
  const verbs = (await help()).split("Commands:")[1]?.match(/^ {2}[a-z]+/gm) ?? [];
  const names = verbs.map((verb) => verb.trim()).filter((verb) => verb !== "help");
  assert.ok(names.length > 12, `${names.length} verbs`);
  for (const name of names) {
    assert.match(await help(name), new RegExp(`Examples:\n {2}inplace-deploy ${name}\\b`), name);
  }
});

async function help(...verb: string[]): Promise<string> {
  const run = await promisify(execFile)(process.execPath, [INPLACE, ...verb, "--help"], { timeout: 30_000 });
  return run.stdout;
}
