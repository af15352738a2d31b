import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { choosePort } from "#src/process/port.js";
import { recordFailures } from "#src/site/health-marks.js";
import { readHistory } from "#src/site/history.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { encodings } from "../rig/encodings.js";
import { launchedSite, start, type Started } from "../runtime/launched-site.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** Says how it was started, then ends with the exit code in its name. */
const TELLING = `
console.log(JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), port: process.env.PORT, platformPort: process.env.HTTP_PLATFORM_PORT,
  root: process.env.INPLACE_SITE_ROOT, artifact: process.env.INPLACE_ARTIFACT,
}));
process.exit(Number(/exit(\\d+)/.exec(process.env.INPLACE_ARTIFACT)?.[1] ?? 0));
`;

async function site(t: TestContext, name = "site root"): Promise<SiteLayout> {
  const layout = siteLayout(join(await temporaryFolder(t), name));
  await mkdir(layout.target, { recursive: true });
  await mkdir(dirname(layout.lastGood), { recursive: true });
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  return layout;
}

function launch(
  t: TestContext,
  layout: SiteLayout,
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Started {
  return start(t, join(layout.root, "launch.sh"), args, { env, cwd: "/", stdin: "pipe" });
}

async function launched(t: TestContext, layout: SiteLayout, args: string[] = []): Promise<Started> {
  const started = launch(t, layout, args);
  await started.exited;
  return started;
}

async function put(
  layout: SiteLayout,
  name: string,
  content: string | Buffer = TELLING,
  mode = 0o644,
): Promise<string> {
  const path = join(layout.target, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

function told({ stdout }: Started): Record<string, unknown> {
  return JSON.parse(stdout()) as Record<string, unknown>;
}

for (const name of ["plain", "a & b (c)", "100% it's!", "-x^y$HOME;*?"]) {
  test(`a site in a folder named ${name} starts, with arguments as they were given`, async (t) => {
    const layout = await site(t, name);
    await put(layout, "app 1 exit5.mjs");
    await writeFile(layout.pointer, "_target\\app 1 exit5.mjs\r\n");
    const args = ["x y", "", "*", 'a"b', "$HOME", "`id`", "\\"];
    const started = launch(t, layout, args, { HTTP_PLATFORM_PORT: "8123", PORT: undefined });
    assert.equal(await started.exited, 5);
    assert.equal(started.stderr(), "");
    assert.deepEqual(told(started), {
      args,
      cwd: layout.root,
      port: "8123",
      platformPort: "8123",
      root: layout.root,
      artifact: "app 1 exit5.mjs",
    });
    assert.equal(await readFile(layout.started, "utf8"), "app 1 exit5.mjs\n");
  });
}

test("the pointer may be UTF-16, have a byte order mark, quotes, blanks, either slash, be bare or absolute", async (t) => {
  const layout = await site(t);
  await put(layout, "named.mjs");
  const pointers = [
    '\uFEFF"_target/named.mjs"  \r\n\r\n',
    "\t./_target/named.mjs",
    "\uFEFFnamed.mjs",
    `"${layout.root}/_target/named.mjs"\n`,
    "_TARGET\\named.mjs\r\n",
    "_target\\named.mjs\u001a",
    "_target\\named.mjs\r\n\u001a",
    ...encodings('"_target\\named.mjs"\r\n').map(([, bytes]) => bytes),
  ];
  for (const pointer of pointers) {
    await rm(layout.failed, { recursive: true, force: true });
    await writeFile(layout.pointer, pointer);
    assert.equal(told(await launched(t, layout))["artifact"], "named.mjs", String(pointer));
  }
});

test("a pointer that leads nowhere or out of the target folder gives the last good artifact, said on stderr", async (t) => {
  const layout = await site(t);
  await put(layout, "good.mjs");
  await put(layout, "unnamed.mjs");
  await writeFile(layout.lastGood, "good.mjs\n");
  await writeFile(join(layout.root, "outside.mjs"), TELLING);
  await symlink("../outside.mjs", join(layout.target, "link.mjs"));
  const pointers = [
    "_target/gone.mjs",
    "../outside.mjs",
    "_target/../outside.mjs",
    "/etc/passwd",
    "_target/link.mjs",
    "",
    '"',
  ];
  for (const pointer of pointers) {
    await writeFile(layout.pointer, pointer);
    const started = await launched(t, layout);
    assert.equal(told(started)["artifact"], "good.mjs", pointer);
    assert.match(
      started.stderr(),
      /names nothing that can be started; starting the last good artifact, good\.mjs/,
    );
  }
});

test("without a last good artifact the newest is started, without any a clear message and exit code 4", async (t) => {
  const layout = await site(t);
  const nothing = await launched(t, layout);
  assert.equal(await nothing.exited, 4);
  assert.match(nothing.stderr(), /nothing to start: _target in .* holds no artifact/);
  const past = new Date(Date.now() - 60_000);
  await utimes(await put(layout, "older.mjs"), past, past);
  await put(layout, "newer one.mjs");
  await put(layout, "newest.mjs.part");
  await put(layout, "line\nbreak.mjs");
  assert.equal(told(await launched(t, layout))["artifact"], "newer one.mjs");
});

test("what a folder's entry file says does nothing to the terminal", async (t) => {
  const layout = await site(t);
  await mkdir(join(layout.target, "folder"));
  const hostile = "no\u001b[2J\u001b]0;owned\u0007\u009b1m\u202egpj\u2066\u200f\u061cn字é";
  await writeFile(join(layout.target, "folder", "_entry.txt"), `${hostile}\n`);
  await writeFile(layout.pointer, "folder\n");
  const started = launch(t, layout);
  assert.equal(await started.exited, 1);
  assert.equal(
    started.stderr(),
    "launch.sh: _target/folder/_entry.txt names no[2J]0;owned1mgpjn字é, which is not there.\n",
  );
});

test("what has too long a name for the watcher is no artifact for the launcher either", async (t) => {
  const layout = await site(t);
  await put(layout, `${"字".repeat(74)}ab.mjs`);
  await put(layout, `${"字".repeat(75)}.mjs`);
  await writeFile(layout.pointer, `${"字".repeat(75)}.mjs\n`);
  assert.equal(told(await launched(t, layout))["artifact"], `${"字".repeat(74)}ab.mjs`);
});

test("any kind of artifact is started: scripts, programs without the permission to run, and folders", async (t) => {
  const layout = await site(t);
  const shell = '#!/bin/sh\nprintf \'{"args":["%s","%s"],"artifact":"%s"}\' "$1" "$2" "$INPLACE_ARTIFACT"\n';
  await put(layout, "app.js");
  await put(layout, "app.cjs");
  await put(layout, "app.sh", shell);
  const bash =
    'told=("$1" "$2" "$INPLACE_ARTIFACT")\nprintf \'{"args":["%s","%s"],"artifact":"%s"}\' "${told[@]}"\n';
  await put(layout, "bash.sh", `#! /usr/bin/env bash \n${bash}`);
  await put(layout, "option.sh", `#!/bin/bash -e\n${bash}[ -o errexit ]`);
  await put(layout, "split.sh", `#!/usr/bin/env -S bash -e\n${bash}[ -o errexit ]`);
  await put(layout, "none.sh", shell.replace(/^.*\n/, ""));
  await put(layout, "program", shell);
  await put(layout, "program.exe", shell, 0o755);
  await put(layout, "folder/index.mjs");
  await put(layout, "blog/blog", shell, 0o755);
  await put(layout, "named/index.mjs", "process.exit(9)");
  await put(layout, "named/bin/run.mjs");
  await put(layout, "named/_entry.txt", "bin/run.mjs\r\n");
  await put(layout, "wide/bin/grün.mjs");
  await put(layout, "wide/_entry.txt", Buffer.from('\uFEFF"bin\\grün.mjs"\r\n', "utf16le"));
  const scripts = "app.js app.cjs app.sh bash.sh option.sh split.sh none.sh";
  for (const artifact of `${scripts} program program.exe folder blog named wide`.split(" ")) {
    await writeFile(layout.pointer, `_target/${artifact}\n`);
    const started = await launched(t, layout, ["a b", "c"]);
    assert.equal(await started.exited, 0, `${artifact}: ${started.stderr()}`);
    const { args, artifact: name } = told(started);
    assert.deepEqual({ args, name }, { args: ["a b", "c"], name: artifact });
  }
});

test("a folder whose entry point leads out of it, or is not there, is not started", async (t) => {
  const layout = await site(t);
  await put(layout, "evil/_entry.txt", "../../../etc/passwd\n");
  await put(layout, "empty/readme.txt", "nothing\n");
  for (const artifact of ["evil", "empty"]) {
    await writeFile(layout.pointer, `_target/${artifact}\n`);
    const started = await launched(t, layout);
    assert.equal(await started.exited, 1);
    assert.match(started.stderr(), /leads out of its folder|has no entry point/);
  }
});

test("an artifact that dies before it proved itself is marked, and the last good one started in the same attempt", async (t) => {
  const layout = await site(t);
  await put(layout, "bad.mjs", "process.exit(9)");
  await put(layout, "good exit5.mjs");
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  await writeFile(layout.pointer, "_target/bad.mjs\n");
  const started = await launched(t, layout, ["kept"]);
  assert.equal(await started.exited, 5);
  assert.deepEqual(told(started)["args"], ["kept"]);
  assert.match(
    started.stderr(),
    /bad\.mjs ended with exit code 9 before it proved itself; starting .* good exit5\.mjs/,
  );
  const again = await launched(t, layout);
  assert.equal(told(again)["artifact"], "good exit5.mjs");
  assert.match(again.stderr(), /bad\.mjs is marked failed/);
  await recordFailures(layout);
  const failed = (await readHistory(layout)).records.map(({ event, artifact, reason }) => [
    event,
    artifact,
    reason,
  ]);
  assert.deepEqual(failed, [["failed", "bad.mjs", "exit code 9"]]);
});

test("an artifact whose port another program has, or that says itself that it is not its fault, is not marked", async (t) => {
  const layout = await launchedSite(t, await site(t));
  await put(layout, "good exit5.mjs");
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await put(layout, "app.mjs", listening("process.env.PORT"));
  await put(layout, "app exit75.mjs");
  for (const name of ["app.mjs", "app exit75.mjs"]) {
    await writeFile(layout.pointer, `${name}\n`);
    const started = launch(t, layout, [], { PORT: String(port) });
    assert.equal(await started.exited, 75, started.stderr());
    await assert.rejects(readFile(join(layout.failed, name)), { code: "ENOENT" });
  }
});

test("an artifact that takes its port twice, or another than it was given, is marked like any that dies", async (t) => {
  const layout = await launchedSite(t, await site(t));
  await put(layout, "good exit5.mjs");
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const bad = {
    "twice.mjs": listening("process.env.PORT") + listening("process.env.PORT"),
    "fixed.mjs": listening(String(port)),
  };
  for (const [name, content] of Object.entries(bad)) {
    await put(layout, name, content);
    await writeFile(layout.pointer, `${name}\n`);
    const started = launch(t, layout, [], { PORT: String(await choosePort()) });
    assert.equal(await started.exited, 5, started.stderr());
    assert.equal(await readFile(join(layout.failed, name), "utf8"), "exit code 1\n");
  }
});

/** Source that listens on a port. */
function listening(port: string): string {
  return `(await import("node:http")).createServer().listen(${port}, "127.0.0.1");\n`;
}

test("the exit of a proven artifact, and of one that was replaced, is passed on and no failure", async (t) => {
  const layout = await site(t);
  await put(layout, "good exit5.mjs");
  await writeFile(layout.pointer, "good exit5.mjs\n");
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  assert.equal(await (await launched(t, layout)).exited, 5);
  const replacing = `import { writeFileSync } from "node:fs"; writeFileSync("_artifact.txt", "good exit5.mjs"); process.exit(3)`;
  await put(layout, "replaced.mjs", replacing);
  await writeFile(layout.pointer, "replaced.mjs\n");
  assert.equal(await (await launched(t, layout)).exited, 3);
  await assert.rejects(readFile(join(layout.failed, "replaced.mjs")), { code: "ENOENT" });
});

test("standard input reaches the artifact", async (t) => {
  const layout = await site(t);
  await put(layout, "cat.mjs", "process.stdin.pipe(process.stdout)");
  await writeFile(layout.pointer, "cat.mjs\n");
  const started = launch(t, layout);
  started.process.stdin?.end("through\n");
  await started.exited;
  assert.equal(started.stdout(), "through\n");
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} reaches the artifact, whose exit code is returned, and it is not marked failed`, async (t) => {
    const layout = await site(t);
    await put(
      layout,
      "app.mjs",
      `process.once("${signal}", () => process.exit(6)); setInterval(() => {}, 1e6); console.log("up");`,
    );
    await put(layout, "good.mjs");
    await writeFile(layout.lastGood, "good.mjs\n");
    await writeFile(layout.pointer, "app.mjs\n");
    const started = launch(t, layout);
    await until("the artifact to be up", () => started.stdout() !== "");
    started.process.kill(signal);
    assert.equal(await started.exited, 6);
    await assert.rejects(readFile(join(layout.failed, "app.mjs")), { code: "ENOENT" });
  });
}
