import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { launchedSite, start } from "../runtime/launched-site.js";

test("under nohup a hang-up ends neither the launcher nor an app with the runtime", async (t) => {
  const layout = await launchedSite(t);
  const app = `import { createServer } from "node:http";
    createServer((_, response) => response.end("up")).listen(0, "127.0.0.1", function () {
      console.log("port " + this.address().port);
    });`;
  await writeFile(join(layout.target, "app.mjs"), app);
  await writeFile(layout.pointer, "app.mjs\n");
  const started = start(t, "nohup", ["sh", join(layout.root, "launch.sh")], { cwd: "/" });
  const ask = async (): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${await started.port()}`, {
      headers: { connection: "close" },
    });
    return await answer.text();
  };
  assert.equal(await ask(), "up");
  process.kill(-(started.process.pid ?? Number.NaN), "SIGHUP"); // As a terminal that closes: to all of them.
  assert.equal(await ask(), "up");
  assert.equal(await ask(), "up");
  started.process.kill("SIGTERM");
  assert.equal(await started.exited, 0);
  assert.match(started.stderr(), /drained in \d+ ms \(SIGTERM\)/);
});

test("elsewhere the launcher finds out without a word", async (t) => {
  const layout = await launchedSite(t);
  await writeFile(join(layout.target, "app.mjs"), "process.exitCode = 75;");
  await writeFile(layout.pointer, "app.mjs\n");
  const started = start(t, "sh", [join(layout.root, "launch.sh")], { cwd: "/" });
  assert.equal(await started.exited, 75);
  assert.equal(started.stderr(), "");
});

test("a line of its own that nobody reads holds up no start", async (t) => {
  const layout = await launchedSite(t);
  await writeFile(join(layout.target, "app.sh"), "exit 9\n");
  await writeFile(layout.pointer, "gone.mjs\n");
  // Open for both ends, so that it is a pipe which somebody holds and never reads, and full.
  const full =
    'mkfifo "$0/pipe" && exec 3<>"$0/pipe" && head -c 65536 /dev/zero >&3 && exec sh "$0/launch.sh" 2>&3 3<&-';
  const started = start(t, "sh", ["-c", full, layout.root]);
  const late = AbortSignal.timeout(10_000);
  const code = await Promise.race([started.exited, once(late, "abort")]);
  assert.equal(code, 9);
});
