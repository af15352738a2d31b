import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseRequest as parseHostRequest } from "#src/fronts/haproxy/agent.js";
import { haproxyFolder } from "#src/fronts/haproxy/front.js";
import { readSlot } from "#src/fronts/haproxy/slot-record.js";
import { listFailed, recordFailures } from "#src/site/health-marks.js";
import { readHistory } from "#src/site/history.js";
import { readLastDrain } from "#src/site/last-drain.js";
import type { SiteLayout } from "#src/site/layout.js";
import { lockOwner, unlock } from "#src/site/lock.js";
import { manifestPath, readManifest } from "#src/site/manifest.js";
import { currentRuntime } from "#src/site/runtime-bundle.js";
import { readReleases } from "#src/site/releases.js";
import { ANSWERS, isReply } from "#src/supervisor/replies.js";
import { parseShape } from "#src/record-shape.js";
import { readPackage } from "#src/deploy/workspace.js";
import { temporarySite } from "../../rig/temporary-site.ts";
import { oddJson } from "../odd-json.ts";
import { Finding, type Part } from "../part.ts";
import { Random } from "../random.ts";
import { shown } from "../shown.ts";
import { refusedOr } from "./refused.ts";

const ARTIFACT = "app-1.mjs";
const AT = "2026-01-01T00:00:00.000Z";
const PIECES = ["{", "}", "[", "]", ",", ":", '"', "\\", "\ufeff", "\0", "null", "1e999", "\n", "-"] as const;

interface RecordKind {
  readonly path: (layout: SiteLayout) => string;
  /** Every field that a reader may believe, with what it has to be. */
  readonly sound: object;
  /** What a reader makes of it. */
  readonly read: (layout: SiteLayout, text: string) => unknown;
}

const OWNER = { id: "x", owner: "someone", host: "elsewhere", pid: 7, since: AT };
const SLOT = {
  slot: 1,
  artifact: ARTIFACT,
  port: 9001,
  keeper: process.pid,
  keeperStarted: "1",
  pid: 7,
  pidStarted: "1",
  since: AT,
  restarts: 0,
};
const SWAP = {
  artifact: ARTIFACT,
  previous: "app-0.mjs",
  cause: "pointer",
  startedAt: AT,
  detectedAfterMs: 1,
  readyAfterMs: 1,
  switchedAfterMs: 1,
  drainedAfterMs: 1,
  firstRequestAfterMs: 1,
  requests: 1,
  cut: 0,
  reset: 0,
  lostWorkers: 0,
};
const STATUS = {
  state: { state: "fallen-back", artifact: ARTIFACT, failed: "app-2.mjs", reason: "it ended" },
  pid: 7,
  address: "::",
  port: 8080,
  front: "held",
  workers: [{ pid: 7, artifact: ARTIFACT, startedAt: AT }],
  swap: SWAP,
};
const reply =
  (ask: keyof typeof ANSWERS): RecordKind["read"] =>
  (_layout, text) => {
    const answer = parseShape(text, isReply)?.answer;
    return ANSWERS[ask](answer) ? { answer } : undefined;
  };

const KINDS: readonly [RecordKind, ...RecordKind[]] = [
  {
    path: ({ lock }) => lock,
    sound: OWNER,
    read: async (layout) => {
      await lockOwner(layout);
      return unlock(layout, true);
    },
  },
  {
    path: ({ history }) => history,
    sound: {
      at: AT,
      event: "live",
      artifact: ARTIFACT,
      by: "a@b",
      reason: "a",
      commit: "a",
      subject: "a",
      swap: SWAP,
    },
    read: async (layout) => {
      await readReleases(layout);
      return (await readHistory(layout)).records[0];
    },
  },
  {
    path: (layout) => manifestPath(layout, ARTIFACT),
    sound: {
      schemaVersion: 1,
      artifact: ARTIFACT,
      origin: "deploy",
      builtAt: AT,
      kind: "file",
      size: 1,
      sha256: "a",
      files: [{ path: "", size: 1, sha256: "a" }],
      builder: "a",
      commit: "a",
      subject: "a",
      author: "a",
      dirty: "a",
      signature: { key: "a", value: "a" },
    },
    read: (layout) => readManifest(layout, ARTIFACT),
  },
  {
    path: ({ lastDrain }) => lastDrain,
    sound: { artifact: ARTIFACT, ms: 5 },
    read: (layout) => readLastDrain(layout),
  },
  {
    path: (layout) => join(haproxyFolder(layout), "slot-1.json"),
    sound: SLOT,
    read: (layout) => readSlot(haproxyFolder(layout), 1),
  },
  {
    path: ({ root }) => join(root, "package.json"),
    sound: { name: "a", main: "a", scripts: { start: "a" }, dependencies: { a: "1" } },
    read: ({ root }) => readPackage(root),
  },
  {
    path: ({ runtime }) => join(runtime, "current"),
    sound: {},
    read: async (layout) => ({ version: (await currentRuntime(layout)) ?? "" }),
  },
  {
    path: ({ failed }) => join(failed, ARTIFACT),
    sound: {},
    read: async (layout) => {
      await recordFailures(layout);
      return (await listFailed(layout)).map(({ at }) => at.toISOString());
    },
  },
  { path: answered, sound: { answer: STATUS }, read: reply("status") },
  {
    path: answered,
    sound: { answer: { result: "failed", artifact: "a", reason: "a", output: ["a"], live: "a" } },
    read: reply("wait"),
  },
  { path: answered, sound: { answer: { artifact: "a", previous: "a" } }, read: reply("rollback") },
  {
    path: answered,
    sound: { verb: "stop", siteRoot: "a", slot: 1, limitMs: 5 },
    read: (_layout, text) => parseHostRequest(text),
  },
];

/** Whatever a record of the site or a reply on its control channel is, what a reader gives of it is of the type that it says. */
export const RECORDS: Part = {
  name: "records",
  unit: "records",
  async run(run) {
    const layout = await temporarySite(run);
    await writeFile(join(layout.target, ARTIFACT), "");
    await run.each(async (seed) => {
      const random = new Random(seed);
      const kind = random.pick(KINDS);
      const text = written(random, kind.sound);
      const path = kind.path(layout);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, random.onceIn(5) ? "latin1" : "utf8");
      const seconds = random.pick([0, 1e13, -1e9, 1e9]);
      if (random.onceIn(5)) await utimes(path, seconds, seconds);
      const read = await refusedOr(() => kind.read(layout, text));
      for (const each of [dirname(path) === layout.root ? path : dirname(path), layout.history])
        await rm(each, { recursive: true, force: true });
      const wrong = otherThan(kind.sound, read);
      if (wrong !== undefined) throw new Finding(seed, `${wrong} of ${path} from ${shown(text)}`);
    });
  },
};

/** A reply goes through no file; it is written all the same. */
function answered({ root }: SiteLayout): string {
  return join(root, "answer.json");
}

function written(random: Random, sound: object): string {
  switch (random.below(8)) {
    case 0:
      return random.noise(random.below(200));
    case 1:
      return "[".repeat(10 ** random.below(6));
    case 2:
      return JSON.stringify(oddJson(random));
    case 3:
      return random.mutated(JSON.stringify(sound), 1 + random.below(3), PIECES);
    default:
      return JSON.stringify(disturbed(random, sound));
  }
}

/** With one of its fields, or of those below it, as few expect it. */
function disturbed(random: Random, sound: object): object {
  const entries: [string, unknown][] = Object.entries(sound);
  const [name, value] = entries[random.below(Math.max(1, entries.length))] ?? ["a", undefined];
  const inner = typeof value === "object" && value !== null && !Array.isArray(value) && random.onceIn(2);
  return { ...sound, [name]: inner ? disturbed(random, value) : oddJson(random) };
}

/** The first field that is there and of another type than in the sound record; what has no name there is believed by nobody. */
function otherThan(sound: unknown, found: unknown, name = "it"): string | undefined {
  if (found === undefined) return undefined;
  if (Array.isArray(sound)) {
    if (!Array.isArray(found)) return `${name} is no list`;
    return found.map((each: unknown) => otherThan(sound[0], each, name)).find((each) => each !== undefined);
  }
  if (typeof found !== typeof sound || found === null) return `${name} is ${typeof found}`;
  if (typeof sound !== "object" || sound === null || name === "swap") return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...found };
  return Object.entries(sound)
    .map(([field, value]) => otherThan(value, fields[field], field))
    .find((each) => each !== undefined);
}
