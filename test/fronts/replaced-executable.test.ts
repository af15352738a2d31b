import assert from "node:assert/strict";
import { cp, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { readPointer } from "#src/site/pointer.js";
import { assertNoneFailed } from "../rig/load-report.js";
import { startLoad, type LoadStream } from "../rig/load.js";
import { unlessInstalled } from "../rig/installed.js";
import { PROJECT } from "../rig/project.js";
import { inplace } from "../rig/source.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { systemdSite } from "./systemd-site.js";

const REPLACEMENTS = 2;
const STREAMS: readonly LoadStream[] = [
  { name: "keep-alive", perSecond: 100, connections: 4 },
  { name: "one connection per request", perSecond: 60, connections: "fresh" },
  { name: "POST in two halves", perSecond: 40, connections: 4, halvesApartMs: 5 },
];
/** Its name says nothing of its version: it is replaced, not followed by another. */
const NAME = "site";

/** What inplace deploy makes of an example in which `from` is replaced by `to` in one file. */
async function built(
  t: TestContext,
  example: string,
  file: string,
  from: string,
  to: string,
): Promise<Buffer> {
  const folder = join(await temporaryFolder(t), example);
  await cp(join(PROJECT, "examples", example), folder, { recursive: true });
  await writeFile(join(folder, file), (await readFile(join(folder, file), "utf8")).replace(from, to));
  const { code, stderr } = await inplace(t, ["deploy"], { cwd: folder });
  assert.equal(code, 0, stderr);
  const layout = siteLayout(folder);
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names");
  return readFile(join(layout.target, pointer.artifact));
}

/** The same program with another version in its content, of the same length. */
function withVersion(program: Buffer, version: number): Buffer {
  const other = Buffer.from(program);
  for (let at = other.indexOf("version 0"); at >= 0; at = other.indexOf("version 0", at)) {
    other.write(`version ${version}`, at);
  }
  return other;
}

/** As scp to a temporary name and mv do. */
async function replaceBy({ target }: SiteLayout, program: Buffer): Promise<void> {
  const temporary = join(target, `.${NAME}.part`);
  await writeFile(temporary, program, { mode: 0o755 });
  await rename(temporary, join(target, NAME));
}

async function replacedUnderLoad(t: TestContext, program: Buffer, notify: boolean): Promise<void> {
  const { layout, systemd, port } = await systemdSite(t, { notify });
  await mkdir(layout.target, { recursive: true });
  await replaceBy(layout, program);
  const load = await startLoad({ port, streams: STREAMS, version: "version (\\d+)" });
  await load.until(({ version }) => version === "0", "the first connection starts the site");
  const first = await systemd.property("blog.service", "MainPID");
  for (let version = 1; version <= REPLACEMENTS; version += 1) {
    await replaceBy(layout, withVersion(program, version));
    await load.until((progress) => progress.version === String(version), `version ${version}`);
    const { done } = load.progress;
    await load.until((progress) => progress.done >= done + 100, "it serves for a while");
  }
  try {
    assertNoneFailed(await load.stop());
  } catch (error) {
    console.log(await systemd.output());
    throw error;
  }
  assert.notEqual(await systemd.property("blog.service", "MainPID"), first);
}

test(
  "a Go program that is replaced while it runs gives way to the new one; no request fails",
  unlessInstalled("systemctl", "unshare", "go"),
  async (t) => {
    const program = await built(t, "go", "main.go", "Hello from Go", "version 0 in Go");
    await replacedUnderLoad(t, program, false);
  },
);

test(
  "a Node executable with its page inside that is replaced while it runs gives way; no request fails",
  unlessInstalled("systemctl", "systemd-notify", "unshare"),
  async (t) => {
    const program = await built(t, "executable", "public/index.html", "version 1", "version 0");
    await replacedUnderLoad(t, program, true);
  },
);
