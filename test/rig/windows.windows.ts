import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "./temporary-site.ts";
import { until } from "./until.ts";
import { posixPath, windowsMachine, windowsPath } from "./windows.ts";

const windows = await windowsMachine();

test("a batch file's environment, folder, output and exit code come through", async (t) => {
  const cwd = await temporaryFolder(t);
  const program =
    "console.log(process.platform, process.cwd(), process.env.HOME); console.error(1); process.exit(5)";
  await writeFile(join(cwd, "a.js"), program);
  const result = await windows.run("node a.js", { cwd, env: { HOME: "C:\\users\\a b" } });
  const expected = `win32 ${windowsPath(cwd)} C:\\users\\a b\n`;
  assert.deepEqual(result, { code: 5, stdout: expected, stderr: "1\n" });
});

test("a running .exe is locked as on Windows: it cannot be removed or overwritten, but renamed", async (t) => {
  const cwd = await temporaryFolder(t);
  await copyFile(posixPath(windows.node), join(cwd, "site.exe"));
  await writeFile(
    join(cwd, "wait.js"),
    "require('fs').writeFileSync('up', ''); process.stdin.resume(); setInterval(() => {}, 1e6)",
  );
  await writeFile(
    join(cwd, "try.js"),
    `const { unlinkSync, copyFileSync, renameSync } = require("fs");
     const attempt = (f) => { try { f(); return "done"; } catch (error) { return error.code; } };
     const unlinked = attempt(() => unlinkSync("site.exe"));
     const overwritten = attempt(() => copyFileSync("try.js", "site.exe"));
     const renamed = attempt(() => renameSync("site.exe", "old.exe"));
     require("fs").writeFileSync("result", [unlinked, overwritten, renamed].join());`,
  );
  const running = await windows.start("site.exe wait.js", { cwd });
  await until("the program runs", () =>
    readFile(join(cwd, "up")).then(
      () => true,
      () => false,
    ),
  );
  await windows.run("node try.js", { cwd });
  assert.equal(await readFile(join(cwd, "result"), "utf8"), "EPERM,EBUSY,done");
  running.kill();
});
