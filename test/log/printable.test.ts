// Text of others steers no terminal: commits, marks, paths, and what a supervisor, HAProxy or another machine says.
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { InplaceEvent } from "#src/events.js";
import { printableEvent } from "#src/log/printable-event.js";
import { printable, printableJson, printableLines } from "#src/printable.js";
import { markFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { readManifest, writeManifest } from "#src/site/manifest.js";
import { inplace, sourceAndSite } from "../rig/source.js";

/** A screen cleared, a title, a clipboard, a colour, a line that claims to be another, CSI as one byte, and reversed text. */
const HOSTILE =
  "fix \u001b[2J\u001b]0;owned\u0007\u001b]52;c;aGk=\u0007\u001b[31mALERT\r2026-01-01 faked \u009b1m \u202egpj.exe\u2066 \u007f";
const SHOWN =
  "fix \\x1b[2J\\x1b]0;owned\\x07\\x1b]52;c;aGk=\\x07\\x1b[31mALERT\\x0d2026-01-01 faked \\x9b1m \\u202egpj.exe\\u2066 \\x7f";
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const STEERS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

test("what steers is shown, and nothing else is touched", () => {
  equal(printable(HOSTILE), SHOWN);
  equal(printable("a\nb\tc"), "a\\x0ab\\x09c");
  equal(printableLines("a\r\nb\tc\rd"), "a\nb\tc\\x0dd");
  const plain = "Grüße, 日本 👍🏽 שלום C:\\x1b\\new";
  equal(printable(plain), plain);
  equal(printableJson({ [HOSTILE]: HOSTILE }).match(STEERS), null);
  deepEqual(JSON.parse(printableJson({ [HOSTILE]: [HOSTILE] })), { [HOSTILE]: [HOSTILE] });
});

test("no event brings text that steers into the log, but for what the app itself writes", () => {
  const inner: InplaceEvent = { type: "look-failed", message: `${HOSTILE}\nsecond` };
  const event = printableEvent({ type: "of-site", site: HOSTILE, event: { type: "watched", event: inner } });
  deepEqual(event, {
    type: "of-site",
    site: SHOWN,
    event: { type: "watched", event: { type: "look-failed", message: `${SHOWN}\nsecond` } },
  });
  const output: InplaceEvent = { type: "worker-output", stream: "stdout", text: "\u001b[32mgreen" };
  equal(printableEvent(output), output);
});

/** Two releases of a commit with a hostile subject by a hostile author, and a mark of the running account. */
async function hostileSite(t: TestContext): Promise<{ readonly layout: SiteLayout; readonly cwd: string }> {
  const { repository, layout } = await sourceAndSite(t);
  const cwd = repository.folder;
  for (const version of ["two", "three"]) {
    await writeFile(join(cwd, "server.mjs"), `console.log("${version}");\n`);
    await repository.git(
      "commit",
      "--quiet",
      "--all",
      "--author",
      `Eve ${HOSTILE} <eve@example.org>`,
      "--message",
      HOSTILE,
    );
    const { code, output } = await deployed(t, cwd, layout);
    equal(code, 0, output);
    doesNotMatch(output, STEERS);
  }
  return { layout, cwd };
}

async function deployed(t: TestContext, cwd: string, layout: SiteLayout) {
  const { code, stdout, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], { cwd });
  return { code, output: stdout + stderr };
}

test("no verb that shows what others wrote steers the terminal, and --json gives it as it is", async (t) => {
  const { layout, cwd } = await hostileSite(t);
  const names = [...new Set((await readFile(layout.history, "utf8")).match(/shop-[\w.-]+/g))];
  const [first = "", second = ""] = names;
  const manifest = await readManifest(layout, first);
  ok(manifest !== undefined && /\u001b/.test(manifest.subject ?? ""), "git keeps the subject as it is");
  await writeManifest(layout, {
    ...manifest,
    files: manifest.files.map((file) => ({ ...file, path: HOSTILE })),
  });
  await markFailed(layout, second, HOSTILE);
  await appendFile(
    layout.history,
    `${JSON.stringify({ at: "2026-01-01T00:00:00Z", event: "failed", artifact: second, by: HOSTILE, reason: `a\n${HOSTILE}` })}\n`,
  );
  await mkdir(join(layout.target, `x${HOSTILE.replaceAll("/", "")}`));
  const lock = { owner: HOSTILE, pid: process.pid, host: HOSTILE, since: HOSTILE, id: "x" };
  const verbs = [
    ["history"],
    ["status"],
    ["diff", first, second],
    ["doctor"],
    ["prune", "--keep", "1"],
    ["rollback"],
    ["unlock"],
    ["pin", HOSTILE],
    ["wait", HOSTILE],
    [HOSTILE],
  ];
  let escapes = 0;
  for (const verb of verbs) {
    if (verb[0] === "unlock") await writeFile(layout.lock, JSON.stringify(lock));
    for (const json of [[], ["--json"]]) {
      const args = ["--site-root", layout.root, ...json, ...verb];
      const { stdout, stderr } = await inplace(t, args, { cwd });
      doesNotMatch(stdout + stderr, STEERS, args.join(" "));
      escapes += (stdout + stderr).split("\\x1b[2J").length - 1;
      if (json.length > 0 && stdout !== "") JSON.parse(stdout);
    }
  }
  ok(escapes > 5, `${escapes} were shown`);
  const { stdout } = await inplace(t, ["--site-root", layout.root, "--json", "history"], { cwd });
  match(
    (JSON.parse(stdout) as { history: { by: string }[] }).history.map(({ by }) => by).join("|"),
    /\u001b\[2J/,
  );
});
