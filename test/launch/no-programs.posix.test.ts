import assert from "node:assert/strict";
import { chmod, copyFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { KNOWN_TO_WATCHERS, NO_RELEASES, RELEASES } from "../rig/drops.js";
import { runProgram } from "../rig/program.js";
import { temporarySite } from "../rig/temporary-site.js";

const GOOD = "good.mjs";
const NAMED = ["README.txt", "NOTES", "Run.CMD", "app.exe"];

test("the launcher never lets the shell run text, whoever names it, and takes none for the newest", async (t) => {
  const layout = await temporarySite(t);
  await copyFile(resolve("launch.sh"), join(layout.root, "launch.sh"));
  await put(layout, GOOD, 'console.log("served")');
  await utimes(join(layout.target, GOOD), new Date(0), new Date(0));
  for (const { name, content } of NO_RELEASES) await put(layout, name, content);
  for (const pointer of [undefined, ...NAMED]) {
    if (pointer !== undefined) {
      await writeFile(layout.pointer, `_target/${pointer}\n`);
      await writeFile(layout.lastGood, `${GOOD}\n`);
      await rm(layout.failed, { recursive: true, force: true });
    }
    const { stdout, stderr } = await runProgram(t, "sh", ["launch.sh"], { cwd: layout.root });
    assert.equal(stdout, "served\n", `${pointer}: ${stderr}`);
    assert.match(
      stderr,
      /names nothing that can be started; starting the (newest|last good) artifact, good\.mjs/,
    );
    if (pointer !== undefined)
      await assert.rejects(
        readFile(join(layout.failed, pointer)),
        { code: "ENOENT" },
        "it is not marked failed",
      );
  }
  await assert.rejects(readFile(join(layout.root, "ran-by-shell")), { code: "ENOENT" });
});

test("the launcher takes no release for a leftover, and knows of those just the ones that the table says", async (t) => {
  const layout = await temporarySite(t);
  const source = await readFile("launch.sh", "utf8");
  const functions = ["leftover", "at_random", "no_executable"].map(
    (name) => new RegExp(`^${name}\\(\\) \\{\n.*?^\\}`, "ms").exec(source)?.[0] ?? "",
  );
  const loop = 'for name; do if leftover "$name"; then printf "%s\\n" "$name"; fi; done';
  const deployed = "app - Copy.mjs";
  await mkdir(layout.manifests, { recursive: true });
  await writeFile(join(layout.manifests, `${deployed}.json`), "{}");
  const names = [...RELEASES, ...KNOWN_TO_WATCHERS].map(({ name }) => name.split("/")[0] ?? "");
  const script = [...functions, loop].join("\n");
  const args = ["-c", script, "sh", ...names, deployed, "app - Copy.js"];
  const { stdout, stderr } = await runProgram(t, "sh", args, { cwd: layout.root });
  assert.equal(stderr, "");
  assert.equal(stdout, "app - Copy.js\n");
});

async function put(layout: SiteLayout, name: string, content: string | Buffer): Promise<void> {
  const path = join(layout.target, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, 0o755);
}
