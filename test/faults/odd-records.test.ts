import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { appendHistory } from "#src/site/history.js";
import type { SiteLayout } from "#src/site/layout.js";
import { manifestPath } from "#src/site/manifest.js";
import { runProgram } from "../rig/program.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { publish } from "../watch/watched-site.js";

const CURRENT = "app-2.mjs";
const AT = "2026-01-01T00:00:00.000Z";
/** No text, and nothing that becomes one. */
const ODD = { toString: 1, valueOf: 1 };
const OWNER = { id: "x", owner: "someone", host: hostname(), pid: process.pid, since: AT };
const HISTORY = { at: AT, event: "live", artifact: CURRENT, by: "someone@somewhere" };
/** Beyond what a Date can be, where the file system keeps such times. Seconds. */
const FAR = 1e13;

type Put = (layout: SiteLayout) => Promise<unknown>;

const written =
  (path: (layout: SiteLayout) => string, content: unknown): Put =>
  async (layout) => {
    await mkdir(dirname(path(layout)), { recursive: true });
    await writeFile(path(layout), typeof content === "string" ? content : JSON.stringify(content));
  };
const lock = (content: unknown): Put => written((layout) => layout.lock, content);
const past = (fields: object): Put => {
  return (layout) => appendFile(layout.history, `${JSON.stringify({ ...HISTORY, ...fields })}\n`);
};
const manifest = (fields: object): Put => {
  return async (layout) => {
    const path = manifestPath(layout, CURRENT);
    const sound = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...sound, ...fields }));
  };
};
const timed =
  (path: (layout: SiteLayout) => string, seconds: number): Put =>
  async (layout) => {
    await written(path, "")(layout);
    await utimes(path(layout), seconds, seconds);
  };

/** What the account that runs the site, a torn write or an editor may leave. */
const RECORDS: Readonly<Record<string, Put>> = {
  "a lock whose owner is an object": lock({ ...OWNER, owner: ODD }),
  "a lock whose time is an object": lock({ ...OWNER, since: ODD }),
  "a lock of nobody": lock({ id: "x", pid: process.pid }),
  "a lock of no process": lock({ ...OWNER, pid: 1e300 }),
  "a lock from the far future": timed((layout) => layout.lock, FAR),
  "a lock from before 1970": timed((layout) => layout.lock, -1e9),
  "an event by nobody": past({ by: undefined }),
  "an event by a number": past({ by: 5 }),
  "an event by an object": past({ by: ODD }),
  "an event at no time": past({ at: "then" }),
  "an event for a number": past({ event: "failed", reason: 5 }),
  "an event of an object": past({ event: "published", subject: ODD, commit: ODD }),
  "an event with a number for a swap": past({ swap: 5 }),
  "a manifest whose commit is a number": manifest({ commit: 5 }),
  "a manifest whose commit is null": manifest({ commit: null }),
  "a manifest whose commit is an object": manifest({ commit: ODD }),
  "a manifest whose subject is an object": manifest({ commit: "a".repeat(40), subject: ODD }),
  "a manifest of objects": manifest({
    kind: ODD,
    size: ODD,
    builder: ODD,
    author: ODD,
    origin: ODD,
    dirty: ODD,
  }),
  "a manifest with half a signature": manifest({ signature: { value: "", key: ODD } }),
  "a manifest with a path that ends early": manifest({ files: [{ path: "a\0b", size: 1, sha256: "" }] }),
  "a mark from the far future": timed(({ failed }) => join(failed, CURRENT), FAR),
  "a mark from before 1970": timed(({ failed }) => join(failed, CURRENT), -1e9),
  "a drain of an object": written((layout) => layout.lastDrain, { artifact: ODD, ms: ODD }),
  "a runtime whose name ends early": written(({ runtime }) => join(runtime, "current"), "a\0b"),
  "a slot of an object": written(({ root }) => join(root, ".inplace", "haproxy", "slot-1.json"), {
    keeper: process.pid,
    pid: ODD,
  }),
};
const VERBS: readonly (readonly string[])[] = [
  ["status"],
  ["history"],
  ["doctor"],
  ["diff", "app-1.mjs", CURRENT],
  ["prune", "--dry-run"],
  ["prune"],
  ["rollback", "--yes"],
  ["promote", CURRENT],
  ["unlock", "--force"],
  ["haproxy", "backend"],
];

/** Two releases, the second of which is current. */
async function twoReleases(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await writeFile(layout.webConfig, "<configuration/>");
  for (const artifact of ["app-1.mjs", CURRENT]) {
    await publish(layout, artifact);
    await appendHistory(layout, { event: "published", artifact });
  }
  return layout;
}

interface Run {
  readonly verb: string;
  readonly exit: string;
  readonly said: string;
}

/** Hundreds of verbs, on a machine that is busy with other things. */
const RUN_MS = 300_000;
const MAIN = new URL("../../dist/bundle/main.js", import.meta.url).href;

/** For each folder, verbs one after the other, all in one process, with what each of them said. */
async function runVerbs(
  t: TestContext,
  roots: readonly string[],
  verbs: readonly (readonly string[])[],
): Promise<Run[][]> {
  const calls = verbs.flatMap((verb) => [verb, [...verb, "--json"]]);
  const source = `
    const { main } = await import(${JSON.stringify(MAIN)});
    process.stderr.write = process.stdout.write.bind(process.stdout);
    for (const root of ${JSON.stringify(roots)}) {
      process.chdir(root);
      for (const call of ${JSON.stringify(calls)}) {
        console.log("@call " + call.join(" "));
        console.log("@exit " + (await main([...call, "--site-root", root])));
      }
    }
    process.exit();`;
  const args = ["--input-type=module", "-e", source];
  const cwd = roots[0] ?? assert.fail();
  const { stdout, stderr } = await runProgram(t, process.execPath, args, { cwd, timeoutMs: RUN_MS });
  const found = [...stdout.matchAll(/^@call (.*)$([^]*?)^@exit (.*)$/gm)];
  assert.equal(found.length, roots.length * calls.length, `${stdout}${stderr}`);
  const runs = found.map(([, verb = "", said = "", exit = ""]) => ({ verb, said, exit }));
  return roots.map((_, at) => runs.slice(at * calls.length, (at + 1) * calls.length));
}

function assertForeseen(runs: readonly Run[]): void {
  for (const { verb, said, exit } of runs) {
    assert.match(exit, /^\d+$/, verb);
    assert.doesNotMatch(said, /INTERNAL|\bat .*\.js:\d+/, verb);
  }
}

test("a record of another shape ends no verb as a defect of ours", async (t) => {
  const roots: string[] = [];
  for (const put of Object.values(RECORDS)) {
    const layout = await twoReleases(t);
    await put(layout);
    roots.push(layout.root);
  }
  const all = await runVerbs(t, roots, VERBS);
  for (const [at, what] of Object.keys(RECORDS).entries())
    await t.test(what, () => assertForeseen(all[at] ?? assert.fail()));
});

test("a mark from before 1970 is told once, however often somebody looks", async (t) => {
  const layout = await twoReleases(t);
  await timed(({ failed }) => join(failed, CURRENT), -1e9)(layout);
  const [runs] = await runVerbs(t, [layout.root], [["status"], ["history"]]);
  const history = runs?.[2];
  assert.equal(history?.said.match(/it ended before it listened/g)?.length, 1, history?.said);
});

test("a package.json that is not what npm takes ends no init as a defect of ours", async (t) => {
  const roots: string[] = [];
  const starts = ["npm run constructor", "toString", 5, ["node", "a.mjs"]];
  for (const start of starts) {
    const root = await temporaryFolder(t);
    const odd = {
      scripts: { start, build: ODD, "//": ["a comment"] },
      dependencies: 5,
      bin: ODD,
      workspaces: 5,
    };
    await writeFile(join(root, "package.json"), JSON.stringify({ name: ODD, main: 5, ...odd }));
    roots.push(root);
  }
  const all = await runVerbs(t, roots, [["init"]]);
  for (const [at, start] of starts.entries()) {
    const init = all[at]?.[0];
    assert.match(init?.exit ?? "", /^\d+$/);
    assert.doesNotMatch(init?.said ?? "", /INTERNAL|\bat .*\.js:\d+/, String(start));
  }
});

const REPLIES: readonly string[] = [
  "null",
  "5",
  "[]",
  '{"answer":null}',
  '{"answer":{}}',
  '{"answer":{"state":{"state":"serving"},"workers":5}}',
  '{"answer":{"state":{"state":"serving","artifact":"a"},"address":{},"port":1,"pid":1,"workers":[null]}}',
  '{"answer":{"result":"failed","artifact":5,"reason":"b","output":5}}',
  '{"error":null}',
  '{"error":5}',
  '{"error":{"code":"constructor","message":"no"}}',
  '{"error":{"code":"toString","message":{"a":1},"hint":5}}',
  '{"error":{"code":"TIMED_OUT"}}',
];
/** Each asks the supervisor for something that it cannot do without it. */
const ASKING: readonly (readonly string[])[] = [
  ["reload"],
  ["rollback", "--yes"],
  ["wait", "app-1.mjs", "--timeout", "200ms"],
];

if (process.platform !== "win32") {
  test("what answers in place of the supervisor and speaks otherwise is refused, and no verb takes it for success", async (t) => {
    const roots: string[] = [];
    for (const reply of REPLIES) {
      const layout = await twoReleases(t);
      await listening(t, layout.control, reply);
      roots.push(layout.root);
    }
    const all = await runVerbs(t, roots, [["status"], ...ASKING]);
    for (const [at, reply] of REPLIES.entries()) {
      await t.test(reply, () => {
        for (const { verb, said, exit } of all[at] ?? assert.fail()) {
          assert.doesNotMatch(said, /INTERNAL|\bat .*\.js:\d+/, verb);
          if (!verb.startsWith("status")) assert.match(exit, /^[1-9]\d*$/, `${verb}: ${said}`);
        }
      });
    }
  });

  test("a working folder that was removed is an expected error with a code", async (t) => {
    const folder = join(await temporaryFolder(t), "gone");
    await mkdir(folder);
    const command = 'rmdir "$PWD" && exec "$@"';
    const args = ["-c", command, "sh", process.execPath, resolve("bin/inplace.js"), "status"];
    const { code, stderr } = await runProgram(t, "sh", args, { cwd: folder });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /FILE_UNUSABLE.*working/);
    assert.doesNotMatch(stderr, /\bat .*\.js:\d+/);
  });
}

async function listening(t: TestContext, path: string, reply: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined).on("data", () => socket.end(`${reply}\n`));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(path, { force: true });
  });
}
