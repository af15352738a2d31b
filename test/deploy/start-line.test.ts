import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { DirectoryBuild } from "#src/config/config.js";
import { build } from "#src/deploy/builders/build.js";
import type { InplaceError } from "#src/errors.js";
import { writeFiles, type Files } from "../rig/source.ts";
import { temporaryFolder } from "../rig/temporary-site.ts";

const run = promisify(execFile);

const FILES: Files = {
  "dist/index.mjs": "console.log('index', process.argv.slice(2).join());",
  "dist/bin/www.mjs": "console.log('www');",
  "dist/bin/tool": "#!/usr/bin/env node\nconsole.log('tool');",
  "dist/run.sh": "echo run",
  "dist/ends.sh": "#!/bin/sh\r\nexec echo ends",
  "dist/scripts/start": '#!/bin/sh\necho started in ${PWD##*/} "$@"',
  "dist/odd": "#!/opt/nowhere/perl\n",
  "dist/app.py": "print('app')",
  "dist/shop.jar": "PK",
  "dist/notes": "notes",
};

/** A line → what it prints, or what the build says; none of the files is executable. */
const LINES: readonly [start: string, printed: string | RegExp, warned?: RegExp][] = [
  ["index.mjs", "index"],
  ["MODE=x index.mjs --port 80", "index --port,80"],
  ["./index.mjs", "index"],
  ["bin\\www.mjs", "www"],
  ["bin\\www", "www"],
  [".\\bin\\www.mjs", "www"],
  ["node bin\\www.mjs", "www"],
  ["node .\\bin\\www", "www"],
  ["bin/tool", "tool"],
  ["bin\\tool", "tool"],
  ["run.sh", "run"],
  ["./run.sh", "run"],
  ["ends.sh", "ends"],
  ["scripts\\start one", "started in shop-1 one"],
  ["sh run.sh", "run"],
  ["app.py", /app\.py is no program[^]*Write what runs it before it: python3 app\.py/],
  ["./shop.jar", /shop\.jar is no program[^]*: java -jar shop\.jar/],
  ["notes", /notes is no program/],
  ["main.mjs", /there is no main\.mjs in the artifact/],
  ["./server", /there is no \.\/server in the artifact/],
  ["bin\\gone", /there is no bin\\gone in the artifact/],
  ["node gone.js", /there is no gone\.js in the artifact/],
  ["a | b", /is no program with arguments/],
  ["gunicorn-of-nobody app", "", /^gunicorn-of-nobody: no such program is on this machine/],
  ["/opt/nowhere/bin/java -jar shop.jar", "", /^\/opt\/nowhere\/bin\/java: /],
  ["odd", "", /^\/opt\/nowhere\/perl: no such program.* the first line of odd/],
  ["$JAVA_HOME/bin/java", ""],
];

test(
  "a start line is started as it is meant, or refused with what to write, when it is built",
  { skip: process.platform === "win32" && "its programs are scripts of sh" },
  async (t) => {
    const source = await temporaryFolder(t);
    await writeFiles(source, FILES);
    for (const [at, [start, said, warned]] of LINES.entries()) {
      const output = join(source, `out${at}`);
      await mkdir(output);
      const warnings: string[] = [];
      const config: DirectoryBuild = { builder: "directory", directory: "dist", start };
      const built = await build(config, {
        source,
        output,
        name: "shop-1",
        commit: undefined,
        site: "shop",
        env: process.env,
        limitMs: 60_000,
        signal: new AbortController().signal,
        onLine: () => undefined,
        onWarning: ({ message }) => void warnings.push(message),
      }).catch((error: unknown) => error as InplaceError);
      assert.match(warnings.join("\n"), warned ?? /^$/, start);
      if (built instanceof Error) {
        assert.equal(built.code, "CONFIG_INVALID", `${start}: ${built.message}`);
        assert.match(`${built.message}\n${built.hint}`, said as RegExp, start);
      } else {
        assert.equal(typeof said, "string", `${start} is refused`);
        if (said !== "") assert.equal(await printedBy(built.path), said, start);
      }
    }
  },
);

async function printedBy(artifact: string): Promise<string> {
  const entry = join(artifact, (await readFile(join(artifact, "_entry.txt"), "utf8")).trim());
  const words = entry.endsWith(".cjs") ? [process.execPath, entry] : ["sh", entry];
  const { stdout } = await run(words[0] ?? "", words.slice(1));
  return stdout.trim();
}
