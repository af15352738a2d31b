import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path/posix";
import { test, type TestContext } from "node:test";
import { ERROR_CODES } from "#src/errors.js";
import { runProgram } from "../rig/program.ts";
import { PROJECT } from "../rig/project.ts";

interface Package {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly scripts: Readonly<Record<string, string>>;
}

test("the package holds what it refers to: its commands and types, the docs with all that they link to, the examples as they are in git", async (t) => {
  const files = new Set(await packedFiles(t));
  const described = JSON.parse(await textOf("package.json")) as Package;
  const exported = Object.values(described.exports).flatMap((each) =>
    typeof each === "string" ? [each] : Object.values(each),
  );
  for (const path of [...exported, ...Object.values(described.bin)]) {
    assert.ok(files.has(normalize(path)), `${path} is not in the package`);
  }
  const pages = [...files].filter((file) => file.endsWith(".md"));
  assert.ok(pages.length > 15);
  for (const page of pages) {
    for (const link of relativeLinks(await textOf(page))) {
      const path = join(dirname(page), link).replace(/\/$/, "");
      const isThere = files.has(path) || [...files].some((file) => file.startsWith(`${path}/`));
      assert.ok(isThere, `${page} links to ${link}, which is not in the package`);
    }
  }
  for (const { hint } of Object.values(ERROR_CODES)) {
    for (const [page] of hint.matchAll(/docs\/[\w-]+\.md/g)) assert.ok(files.has(page), hint);
  }
  const inGit = await lines(t, "git", ["ls-files", "docs", "examples"]);
  assert.deepEqual([...files].filter((file) => /^(docs|examples)\//.test(file)).sort(), inGit.sort());
});

test("the package holds neither maps without their sources nor marks of a build, and is built when it is packed", async (t) => {
  const stray = (await packedFiles(t)).filter((file) =>
    /\.map$|\.built|^(src|test|bench|scripts)\//.test(file),
  );
  assert.deepEqual(stray, []);
  const { scripts } = JSON.parse(await textOf("package.json")) as Package;
  assert.match(String(scripts["prepack"]), /npm run build$/);
});

let packed: Promise<string[]> | undefined;

function packedFiles(t: TestContext): Promise<string[]> {
  packed ??= runProgram(t, "npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: PROJECT }).then(
    ({ stdout }) => (JSON.parse(stdout) as [{ files: { path: string }[] }])[0].files.map(({ path }) => path),
  );
  return packed;
}

async function lines(t: TestContext, command: string, args: readonly string[]): Promise<string[]> {
  return (await runProgram(t, command, args, { cwd: PROJECT })).stdout.trim().split("\n");
}

function textOf(file: string): Promise<string> {
  return readFile(join(PROJECT, file), "utf8");
}

/** Without the place on the page. */
function relativeLinks(markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link.replace(/#.*$/, ""));
  return links.filter((link) => link !== "" && !/^[a-z]+:/.test(link));
}
