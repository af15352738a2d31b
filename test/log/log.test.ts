import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { runProgram } from "../rig/program.ts";

const LOG = new URL("../../dist/log/log.js", import.meta.url).href;
const SITE_OUTPUT = new URL("../../dist/log/site-output.js", import.meta.url).href;

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

test("colours come with a terminal, or with FORCE_COLOR, and never with NO_COLOR", async (t) => {
  const coloured = async (env: NodeJS.ProcessEnv): Promise<boolean> => {
    const none = { FORCE_COLOR: undefined, NO_COLOR: undefined };
    return (await logged(t, {}, { ...none, ...env })).stderr.includes("\u001b[33m");
  };
  assert.equal(await coloured({}), false);
  assert.equal(await coloured({ FORCE_COLOR: "1" }), true);
  assert.equal(await coloured({ FORCE_COLOR: "0" }), false);
  assert.equal(await coloured({ FORCE_COLOR: "1", NO_COLOR: "1" }), false);
});

const TIMED = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z `;

test("a timed log has the time at the head of each line, but what the app writes goes out as it is", async (t) => {
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog({ timed: true });
    log({ type: "worker-output", stream: "stdout", text: "no end yet" });
    log({ type: "worker-output", stream: "stdout", text: ", and now\\n" });
    log({ type: "pointer-moved", artifact: "b.mjs", previous: undefined });
    log({ type: "release-failed", artifact: "b.mjs", reason: "code 1", output: ["why"], kept: "a.mjs" });
  `;
  const args = ["--input-type=module", "-e", script];
  // systemd says which of the streams goes to its journal; after a redirection it is another.
  const { stdout, stderr } = await runProgram(t, process.execPath, args, {
    cwd: PROJECT,
    env: { JOURNAL_STREAM: "1:2" },
  });
  assert.match(stdout, new RegExp(`^no end yet, and now\n${TIMED}current: b.mjs\n$`));
  assert.match(stderr, new RegExp(`^${TIMED}b.mjs failed: code 1; a.mjs serves on\n${TIMED}  \\| why\n$`));
});

test("the journal of systemd gets lines without a time, since it has its own", async (t) => {
  const script = `
    const { fstatSync } = await import("node:fs");
    const { dev, ino } = fstatSync(1);
    process.env.JOURNAL_STREAM = dev + ":" + ino;
    const { createLog } = await import(${JSON.stringify(LOG)});
    createLog({ timed: true })({ type: "pointer-moved", artifact: "b.mjs", previous: undefined });
  `;
  const { stdout } = await runProgram(t, process.execPath, ["--input-type=module", "-e", script], {
    cwd: PROJECT,
  });
  assert.equal(stdout, "current: b.mjs\n");
});

test("lines of several sites' apps carry the name of their site, however they come in pieces", async (t) => {
  const script = `
    const { SiteOutput } = await import(${JSON.stringify(SITE_OUTPUT)});
    const output = new SiteOutput();
    const write = (text, site, stream = "stdout") => output.write(Buffer.from(text), stream, site);
    write("one\\ntw", "a");
    write("o\\n", "a");
    write("half", "b");
    write("error\\n", "a", "stderr");
    write("three\\n\\n", "a");
    write("b again\\n", "b");
  `;
  const args = ["--input-type=module", "-e", script];
  const { stdout, stderr } = await runProgram(t, process.execPath, args, { cwd: PROJECT });
  assert.equal(stdout, "a: one\na: two\nb: half\na: three\na: \nb: b again\n");
  assert.equal(stderr, "a: error\n");
});

test("one module writes to stdout and stderr, so that no reader decides over any program of the project", async () => {
  const folder = join(PROJECT, "src");
  const writers: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const source = await readFile(join(folder, name), "utf8");
    if (/\b(stdout|stderr)\??\.write\(|\bconsole\.|stdout, stderr \} from "node:process"/.test(source))
      writers.push(name);
  }
  assert.deepEqual(writers, []);
});
