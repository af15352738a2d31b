import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { readLastGood } from "#src/site/health-marks.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { writePointer } from "#src/site/pointer.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { app, fetchText } from "../runtime/launched-site.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { windowsMachine, windowsPath, type WindowsResult } from "../rig/windows.js";
import { publish } from "../watch/watched-site.js";

const windows = await windowsMachine();

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
  await copyFile(resolve("launch.cmd"), join(layout.root, "launch.cmd"));
  return layout;
}

/** Not with `call`: on Wine it loses the exit code. */
async function launch(
  layout: SiteLayout,
  args = "",
  env: Record<string, string> = {},
): Promise<WindowsResult> {
  return await windows.run(`"${windowsPath(layout.root)}\\launch.cmd" ${args}`, { env });
}

async function put(layout: SiteLayout, name: string, content = TELLING): Promise<void> {
  const path = join(layout.target, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

function told({ stdout }: WindowsResult): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

// Not with a percent sign: real cmd.exe reads %~dp0 once, Wine reads what is in it again.
for (const name of ["plain", "a & b (c)", "100! it's", "x^y + z;,="]) {
  test(`a site in a folder named ${name} starts, with arguments as they were given`, async (t) => {
    const layout = await site(t, name);
    await put(layout, "app 1 exit5.mjs");
    await writeFile(layout.pointer, "_target\\app 1 exit5.mjs\r\n");
    const args = `"x y" a! "b&c" "e^f" ) 'q' last`;
    const result = await launch(layout, args, { HTTP_PLATFORM_PORT: "8123" });
    assert.equal(result.stderr, "");
    assert.equal(result.code, 5);
    assert.deepEqual(told(result), {
      args: ["x y", "a!", "b&c", "e^f", ")", "'q'", "last"],
      cwd: windowsPath(layout.root),
      port: "8123",
      platformPort: "8123",
      root: windowsPath(layout.root),
      artifact: "app 1 exit5.mjs",
    });
    assert.equal(await readFile(layout.started, "utf8"), "app 1 exit5.mjs\r\n");
  });
}

test("the pointer may have a byte order mark, quotes, blanks, slashes, be bare or absolute, and nothing else", async (t) => {
  const layout = await site(t);
  await put(layout, "named exit5.mjs");
  await put(layout, "good.mjs");
  const named = [
    '\uFEFF"_target/named exit5.mjs"  \r\n\r\n',
    "  .\\_target\\named exit5.mjs\n",
    "\uFEFFnamed exit5.mjs",
    `"${windowsPath(layout.root)}\\_target\\named exit5.mjs"`,
  ];
  for (const pointer of named) {
    await writeFile(layout.pointer, pointer);
    assert.equal(told(await launch(layout))["artifact"], "named exit5.mjs", pointer);
  }
  await writeFile(layout.lastGood, "good.mjs\n");
  for (const pointer of [
    "..\\named exit5.mjs",
    "named exit5.mjs\r\nmore\r\n",
    "_target\\gone.mjs",
    '"',
  ] as const) {
    await writeFile(layout.pointer, pointer);
    const result = await launch(layout);
    assert.equal(told(result)["artifact"], "good.mjs", pointer);
    assert.match(
      result.stderr,
      /names nothing that can be started; starting the last good artifact, "good\.mjs"/,
    );
  }
});

test("what has too long a name for the watcher is no artifact for the launcher either", async (t) => {
  const layout = await site(t);
  const [longest, tooLong] = [`${"n".repeat(146)}.mjs`, `${"n".repeat(147)}.mjs`];
  await put(layout, longest);
  await put(layout, tooLong);
  for (const pointer of [tooLong, longest]) {
    await writeFile(layout.pointer, pointer);
    assert.equal(told(await launch(layout))["artifact"], longest);
  }
});

test("any kind of artifact is started: .exe, .cmd, .js, .cjs and folders", async (t) => {
  const layout = await site(t);
  await put(layout, "app.js", TELLING);
  await put(layout, "app.cjs", TELLING);
  await put(
    layout,
    "batch exit3.cmd",
    '@echo {"args":["%~1","%~2"],"artifact":"%INPLACE_ARTIFACT%"}\r\n@exit /b 3\r\n',
  );
  await put(layout, "folder/index.mjs");
  await put(layout, "named/index.mjs", "process.exit(9)");
  await put(layout, "named/bin/run.mjs");
  await put(layout, "named/_entry.txt", "bin/run.mjs\r\n");
  const expected = { "app.js": 0, "app.cjs": 0, "batch exit3.cmd": 3, folder: 0, named: 0 };
  for (const [artifact, code] of Object.entries(expected)) {
    await writeFile(layout.pointer, `_target\\${artifact}\r\n`);
    const result = await launch(layout, '"a b" c');
    assert.equal(result.code, code, `${artifact}: ${result.stderr}`);
    const { args, artifact: name } = told(result);
    assert.deepEqual({ args, name }, { args: ["a b", "c"], name: artifact });
  }
  await copyFile(windows.node.replace("Z:", "").replaceAll("\\", "/"), join(layout.target, "program.exe"));
  await chmod(join(layout.target, "program.exe"), 0o755);
  await writeFile(layout.pointer, "_target\\program.exe\r\n");
  const result = await launch(layout, '-e "console.log(1);process.exit(4)"');
  assert.deepEqual([result.code, result.stdout], [4, "1\n"]);
});

test("an artifact that dies before it proved itself is marked, and the last good one started in the same attempt", async (t) => {
  const layout = await site(t);
  await put(layout, "bad exit9.mjs");
  await put(layout, "good exit5.mjs");
  await mkdir(dirname(layout.lastGood), { recursive: true });
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  await writeFile(layout.pointer, "_target\\bad exit9.mjs\r\n");
  const result = await launch(layout);
  assert.equal(result.code, 5);
  assert.match(result.stderr, /"bad exit9\.mjs" ended with exit code 9 before it proved itself/);
  assert.equal((await readFile(join(layout.failed, "bad exit9.mjs"), "utf8")).trim(), "exit code 9");
  const next = await launch(layout);
  assert.equal(told(next)["artifact"], "good exit5.mjs");
  assert.match(next.stderr, /"bad exit9\.mjs" is marked failed; starting the last good artifact/);
  await writeFile(join(layout.failed, "good exit5.mjs"), "ARTIFACT_ALTERED");
  await put(layout, "old exit6.mjs");
  const last = await launch(layout);
  assert.equal(last.code, 6, "the last good one is marked too, as the runtime does with a damaged one");
  assert.match(last.stderr, /starting the newest artifact, "old exit6\.mjs"/);
});

test("an artifact whose port another program has, or that says itself that it is not its fault, is not marked", async (t) => {
  const layout = await site(t);
  await installRuntime(layout);
  await put(layout, "good exit5.mjs");
  await mkdir(dirname(layout.lastGood), { recursive: true });
  await writeFile(layout.lastGood, "good exit5.mjs\n");
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await put(layout, "app.cjs", `require("node:http").createServer().listen(process.env.PORT, "127.0.0.1");`);
  await put(layout, "app exit75.mjs");
  for (const name of ["app.cjs", "app exit75.mjs"]) {
    await writeFile(layout.pointer, `${name}\r\n`);
    const { code, stderr } = await launch(layout, "", { PORT: String(port) });
    assert.equal(code, 75, stderr);
    await assert.rejects(readFile(join(layout.failed, name)), { code: "ENOENT" });
  }
});

test("where the current and the last good release are damaged, the newest whole one is started in the same attempt", async (t) => {
  const layout = await site(t);
  await installRuntime(layout);
  for (const name of ["old exit6.mjs", "good.mjs", "bad.mjs"]) await publish(layout, name, TELLING);
  await writeFile(layout.lastGood, "good.mjs\n");
  for (const name of ["good.mjs", "bad.mjs"]) {
    await writeFile(join(layout.target, name), TELLING.replace("exit", "exIt"));
    await utimes(join(layout.target, name), new Date(0), new Date(0));
  }
  await writePointer(layout, "bad.mjs");
  const { code, stderr } = await launch(layout);
  assert.equal(code, 6, stderr);
  assert.match(stderr, /"bad\.mjs" ended with exit code 4 .*; starting the last good artifact, "good\.mjs"/);
  assert.match(
    stderr,
    /"good\.mjs" ended with exit code 4 .*; starting the newest artifact, "old exit6\.mjs"/,
  );
});

test("without a pointer the newest artifact is started, without any a clear message and exit code 4", async (t) => {
  const layout = await site(t);
  const nothing = await launch(layout);
  assert.equal(nothing.code, 4);
  assert.match(nothing.stderr, /nothing to start: _target in ".*" holds no artifact/);
  await put(layout, "only.mjs");
  for (const name of [
    "newer.mjs.part",
    "README.txt",
    "only - Copy.mjs",
    "Copy of only.mjs",
    "only (Anna's conflicted copy 2024-01-31).mjs",
    "only.sync-conflict-20240131-120000-ABCDEFG.mjs",
    "only.bak.mjs",
    "only-backup.mjs",
    "New folder/notes.txt",
    "named/_entry.txt",
  ])
    await put(layout, name, "notes.txt");
  await put(layout, "named/notes.txt", "exit 3\r\n");
  assert.equal(told(await launch(layout))["artifact"], "only.mjs");
  await rm(layout.failed, { recursive: true, force: true });
  await writeFile(layout.pointer, "_target\\README.txt\r\n");
  const named = await launch(layout);
  assert.equal(told(named)["artifact"], "only.mjs");
  assert.match(named.stderr, /names nothing that can be started/);
});

test("under launch.cmd an unchanged app drains and exits with 0 when a newer release is published", async (t) => {
  const layout = await site(t);
  await installRuntime(layout);
  await publish(layout, "app-1.mjs", app());
  const running = await windows.start(`"${windowsPath(layout.root)}\\launch.cmd"`);
  const port = await until("the app's port", async () => /^port (\d+)/m.exec(await running.stdout())?.[1]);
  assert.equal(await fetchText(Number(port)), "app-1.mjs");
  await publish(layout, "app-2.mjs", app());
  await writePointer(layout, "app-2.mjs");
  const { code, stderr } = await running.ended();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /drained in \d+ ms \(app-2\.mjs is to take over\)/);
  assert.equal(await readLastGood(layout), "app-1.mjs");
});

test("where a handover is wanted and there is no Node, the artifact is started itself, and that is said", async (t) => {
  const layout = await site(t);
  await installRuntime(layout);
  await writeHandover(layout, {});
  await put(layout, "program.cmd", "@echo started %INPLACE_ARTIFACT% %*\r\n@exit /b 5\r\n");
  await writeFile(layout.pointer, "program.cmd\n");
  const { code, stdout, stderr } = await launch(layout, "a b", {
    PATH: "C:\\windows\\system32;C:\\windows",
  });
  assert.deepEqual([code, stdout], [5, "started program.cmd a b\r\n"], stderr);
  assert.match(
    stderr,
    /^launch\.cmd: a handover needs Node 20 or newer on the PATH; starting the artifact itself/,
  );
});
