// Text of others steers no terminal: commits, marks, paths, and what a supervisor, HAProxy or another machine says.
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { table } from "#src/cli/table.js";
import type { InplaceEvent } from "#src/events.js";
import { printableEvent } from "#src/log/printable-event.js";
import { wordsFor } from "#src/log/words.js";
import { printable, printableJson, printableLines } from "#src/printable.js";
import { markFailed } from "#src/site/health-marks.js";
import { readManifest, writeManifest } from "#src/site/manifest.js";
import type { ProgramResult } from "../rig/program.js";
import { inplace, sourceAndSite } from "../rig/source.js";

/** A screen cleared, a title, a clipboard, a colour, a line that claims to be another, CSI as one byte, and reversed text. */
const HOSTILE =
  "fix \u001b[2J\u001b]0;owned\u0007\u001b]52;c;aGk=\u0007\u001b[31mALERT\r2026-01-01 faked \u009b1m \u202egpj.exe\u2066 \u007f";
const SHOWN =
  "fix \\x1b[2J\\x1b]0;owned\\x07\\x1b]52;c;aGk=\\x07\\x1b[31mALERT\\x0d2026-01-01 faked \\x9b1m \\u202egpj.exe\\u2066 \\x7f";
const STEERS = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

test("what steers is shown, and nothing else is touched", () => {
  equal(printable(HOSTILE), SHOWN);
  equal(printable("a\nb\tc"), "a\\x0ab\\x09c");
  equal(printableLines("a\r\nb\tc\rd"), "a\nb\tc\\x0dd");
  const plain = "Grüße, 日本 👍🏽 שלום C:\\x1b\\new";
  equal(printable(plain), plain);
  equal(printableJson({ [HOSTILE]: HOSTILE }).match(STEERS), null);
  deepEqual(JSON.parse(printableJson({ [HOSTILE]: [HOSTILE] })), { [HOSTILE]: [HOSTILE] });
});

test("a question may have lines, and a cell of a table shows its first one", () => {
  equal(
    table([
      ["shop-1", "it ended\nTypeError: \u001b[2J"],
      ["shop-22", ""],
    ]),
    "shop-1   it ended …\nshop-22",
  );
  equal(table([["a\u001b[2J"]]), "a\\x1b[2J");
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

/** A release of a commit with a hostile subject by a hostile author, and what other accounts wrote beside it. */
async function hostileSite(t: TestContext) {
  const { repository, layout } = await sourceAndSite(t);
  const cwd = repository.folder;
  await writeFile(join(cwd, "server.mjs"), `console.log("two");\n`);
  const author = `Eve ${HOSTILE} <eve@example.org>`;
  await repository.git("commit", "--quiet", "--all", "--author", author, "--message", HOSTILE);
  const { code, stdout, stderr } = await inplace(t, ["deploy", "--site-root", layout.root], { cwd });
  const output = stdout + stderr;
  equal(code, 0, output);
  doesNotMatch(output, STEERS);
  const [first = ""] = /shop-[\w.-]+/.exec(await readFile(layout.history, "utf8")) ?? [];
  const manifest = await readManifest(layout, first);
  ok(manifest?.subject?.includes("\u001b") === true, "git keeps the subject as it is");
  const second = `shop-0000000002${extname(first)}`;
  const files = manifest.files.map((file) => ({ ...file, path: HOSTILE }));
  await writeManifest(layout, { ...manifest, artifact: second, files });
  await writeFile(join(layout.target, second), "");
  await markFailed(layout, second, HOSTILE);
  const at = "2026-01-01T00:00:00Z";
  const record = { at, event: "failed", artifact: second, by: HOSTILE, reason: `a\n${HOSTILE}` };
  await appendFile(layout.history, `${JSON.stringify(record)}\n`);
  const lock = { owner: HOSTILE, pid: process.pid, host: HOSTILE, since: HOSTILE, id: "x" };
  await writeFile(layout.lock, JSON.stringify(lock));
  return { layout, cwd, first, second };
}

test("no verb that shows what others wrote steers the terminal, and --json gives it as it is", async (t) => {
  const { layout, cwd, first, second } = await hostileSite(t);
  const run = async (...args: string[]): Promise<ProgramResult> => {
    const ended = await inplace(t, ["--site-root", layout.root, ...args], { cwd });
    doesNotMatch(ended.stdout + ended.stderr, STEERS, args.join(" "));
    return ended;
  };
  const verbs = [["history"], ["status"], ["diff", first, second], ["unlock"], ["pin", HOSTILE], [HOSTILE]];
  for (const verb of verbs) {
    const { stdout, stderr } = await run(...verb);
    match(stdout + stderr, /\\x1b\[2J/, verb.join(" "));
  }
  await run("doctor");
  const { stdout } = await run("--json", "history");
  const { history } = JSON.parse(stdout) as { history: { by: string }[] };
  ok(history.some(({ by }) => by === HOSTILE));
});

test("whoever words an event has no text in it that steers, whether it thought of that or not", () => {
  const { text } = wordsFor({ type: "drop-refused", code: "NOT_A_PROGRAM", name: "a", reason: HOSTILE });
  doesNotMatch(text, STEERS);
  const failed = wordsFor({
    type: "release-failed",
    artifact: "a",
    reason: "b",
    output: [HOSTILE],
    kept: HOSTILE,
  });
  doesNotMatch(failed.text, STEERS);
});
