import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DROPS, RUNS, type World } from "./world.js";

/** What an account does with its rights. It is done in step, as that account. */
export interface Hostility {
  readonly who: typeof RUNS | typeof DROPS;
  readonly what: string;
  /** What the deployer does then; default: it deploys. */
  readonly verbs?: readonly (readonly string[])[];
  act(world: World): void;
  /** What each of it ends with; default: all are done. */
  readonly codes?: readonly string[];
  /** A program of its own that runs from then on. */
  beside?(world: World): string;
}

/** In a verb: the artifact that is current then. */
export const CURRENT = "{current}";
const PRUNE = ["prune", "--keep", "1"] as const;
const ROLLBACK = ["rollback", "--yes"] as const;
const DOWN = ["haproxy", "down"] as const;
const STATUS = ["status"] as const;
const UNSAFE = "RECORD_UNSAFE";

const own = ({ layout }: World, ...path: readonly string[]): string => join(layout.root, ".inplace", ...path);

/** In place of what is there: who owns a folder may move others' folders in it away. */
function instead(path: string): string {
  const above = dirname(path);
  const found = lstatSync(above, { throwIfNoEntry: false });
  if (found?.uid === process.geteuid?.()) {
    if (existsIn(path)) renameSync(path, `${path}.${randomBytes(3).toString("hex")}.aside`);
  } else mkdirSync(instead(above));
  return path;
}

const existsIn = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

export function write(path: string, content: string | object): void {
  writeFileSync(instead(path), typeof content === "string" ? content : JSON.stringify(content));
}

const link = (to: string, path: string): void => symlinkSync(to, instead(path));
const pipe = (path: string): void => void execFileSync("mkfifo", [instead(path)]);

type Ends = Pick<Hostility, "verbs" | "codes">;

function linkedFolder(name: string, ends: Ends = {}): Hostility {
  return {
    who: RUNS,
    what: `.inplace/${name} is a link to a folder of the deployer`,
    ...ends,
    act: (world) => link(world.outside, own(world, name)),
  };
}

function pipeFor(name: string, ends: Ends): Hostility {
  return {
    who: RUNS,
    what: `.inplace/${name} is a pipe`,
    ...ends,
    act: (world) => pipe(own(world, name)),
  };
}

/** HAProxy's runtime socket is answered by the account that runs the site, for as long as it may. */
const ANSWERS_AS_HAPROXY = (socket: string, ready: string): string => `
  import { writeFileSync } from "node:fs";
  import { createServer } from "node:net";
  createServer((c) => c.on("error", () => {}).end("Name: HAProxy\\nVersion: 2.6\\nPid: " + process.pid + "\\n")).listen(${JSON.stringify(socket)}, () => writeFileSync(${JSON.stringify(ready)}, ""));`;

export const HOSTILITIES: readonly Hostility[] = [
  ...["staging", "verified", "waiting", "outside"].map((name) => linkedFolder(name)),
  linkedFolder("runtime", { codes: [UNSAFE] }),
  linkedFolder("manifests", { verbs: [["deploy"], PRUNE], codes: [UNSAFE, "done"] }),
  linkedFolder("failed", { verbs: [["deploy"], PRUNE], codes: [UNSAFE, UNSAFE] }),
  {
    who: RUNS,
    what: ".inplace/pinned is a link to a folder that holds a file called as the artifact",
    act: (world) => link(world.outside, own(world, "pinned")),
    verbs: [
      ["pin", CURRENT],
      ["unpin", "shop-1.mjs"],
    ],
    codes: [UNSAFE, UNSAFE],
  },
  {
    who: RUNS,
    what: "staging holds a leftover with links in it",
    act(world) {
      mkdirSync(join(instead(own(world, "staging", "build-1")), "out"), { recursive: true });
      link(world.outside, own(world, "staging", "build-1", "out", "all"));
      link(world.outside, own(world, "staging", "build-old"));
    },
  },
  {
    who: RUNS,
    what: "the list of synchronised files leads through a link",
    act(world) {
      link(world.outside, join(world.layout.root, "public", "uploads", "x"));
      write(
        own(world, "synchronised"),
        "public/uploads/x/authorized_keys\npublic/uploads/x/x\n../outside/x\n",
      );
    },
  },
  {
    who: RUNS,
    what: "a folder of the site, where files of the commit go, leads through a link",
    act: (world) => link(world.outside, join(world.layout.root, "public", "uploads", "new")),
    codes: ["LINK_OUTSIDE"],
  },
  {
    who: RUNS,
    what: "a mark of failure is a link to a secret",
    act: (world) => link(join(world.outside, "secret"), own(world, "failed", world.current())),
    verbs: [["deploy"], ROLLBACK, STATUS],
    codes: ["done", "NOTHING_TO_ROLL_BACK", "done"],
  },
  {
    who: RUNS,
    what: "the history is a link to a secret, and to a file that is written to",
    act: (world) => link(join(world.outside, "secret"), own(world, "history.jsonl")),
    verbs: [["deploy", "--rebuild"], PRUNE, ["history"]],
    codes: ["done", UNSAFE, UNSAFE],
  },
  {
    who: RUNS,
    what: "the lock is a link",
    act: (world) => link(join(world.outside, "x"), own(world, "deploy.lock")),
    verbs: [["deploy"], ["unlock", "--force"]],
    codes: [UNSAFE, UNSAFE],
  },
  ...["deploy.lock", "handover.json", "runtime/current"].map((name) => pipeFor(name, { codes: [UNSAFE] })),
  ...["history.jsonl", "last-good", "started"].map((name) =>
    pipeFor(name, { verbs: [PRUNE], codes: [UNSAFE] }),
  ),
  {
    who: RUNS,
    what: "the manifest and the mark of the current artifact are pipes",
    act(world) {
      pipe(own(world, "manifests", `${world.current()}.json`));
      pipe(own(world, "failed", world.current()));
    },
    verbs: [["deploy"], PRUNE, ROLLBACK, STATUS],
    codes: ["done", "done", "NOTHING_TO_ROLL_BACK", "done"],
  },
  {
    who: RUNS,
    what: "the files that the lock and its line consist of are folders",
    act(world) {
      mkdirSync(join(instead(own(world, "deploy.lock")), "x"), { recursive: true });
      mkdirSync(join(instead(own(world, "deploy.lock.x")), "y"), { recursive: true });
    },
    verbs: [["deploy"], ["unlock", "--force"]],
    codes: [UNSAFE, UNSAFE],
  },
  {
    who: RUNS,
    what: "manifests hold what no manifest does",
    act(world) {
      const artifact = world.current();
      write(own(world, "manifests", `${artifact}.json`), {
        schemaVersion: 1,
        artifact,
        files: [null, { path: "../../outside/x" }, { path: "\0" }, 7],
      });
    },
    verbs: [["deploy"], ROLLBACK, ["diff", "shop-1.mjs", "shop-1.mjs"]],
    codes: ["done", "done", "ARTIFACT_MISSING"],
  },
  {
    who: RUNS,
    what: "names in the history lead out",
    act(world) {
      const at = new Date().toISOString();
      const line = (artifact: string): string =>
        `${JSON.stringify({ at, event: "published", artifact, by: "x" })}\n`;
      write(own(world, "history.jsonl"), ["../outside/x", "../../x", "..", ""].map(line).join(""));
      write(own(world, "last-good"), "../../outside/x");
      write(own(world, "started"), "../../outside/x");
    },
    verbs: [PRUNE, ROLLBACK, ["deploy"]],
    codes: ["done", "NOTHING_TO_ROLL_BACK", "done"],
  },
  {
    who: RUNS,
    what: "the runtime is another than ours",
    act(world) {
      for (const program of ["register.mjs", "supervise.mjs"])
        write(own(world, "runtime", "0.0.0", program), world.code(String(RUNS)));
      write(own(world, "runtime", "current"), "0.0.0\n");
    },
  },
  {
    who: RUNS,
    what: "the record of a slot names a process of the deployer",
    act(world) {
      const pid = world.sentinel.pid ?? 0;
      const record = { slot: 1, artifact: "shop-1.mjs", port: 1, since: "", restarts: 0 };
      write(own(world, "haproxy", "slot-1.json"), {
        ...record,
        keeper: pid,
        keeperStarted: startOf(pid),
        pid,
      });
    },
    verbs: [DOWN],
    codes: ["OTHER_ACCOUNT"],
  },
  {
    who: RUNS,
    what: "what answers as HAProxy, and its pid file, name a process of the deployer",
    act: (world) => write(own(world, "haproxy", "haproxy.pid"), `${world.sentinel.pid}\n`),
    beside: (world) => ANSWERS_AS_HAPROXY(own(world, "haproxy", "admin.sock"), join(world.ran, "ready")),
    verbs: [DOWN],
    codes: ["OTHER_ACCOUNT"],
  },
  {
    who: RUNS,
    what: "units for systemd would lie where it can change them before root installs them",
    act: () => undefined,
    verbs: [["init", "--systemd", "--run-as", "nobody"]],
    codes: ["OTHER_ACCOUNT"],
  },
  {
    who: DROPS,
    what: "an artifact is written over",
    act: (world) => write(join(world.layout.target, world.current()), world.code(String(DROPS))),
    verbs: [["deploy"], ROLLBACK, PRUNE],
    codes: ["done", "ARTIFACT_INCOMPLETE", "done"],
  },
  {
    who: DROPS,
    what: "artifacts are pipes, links and folders with links in them",
    act(world) {
      pipe(join(world.layout.target, "shop-pipe.mjs"));
      link(join(world.outside, "x"), join(world.layout.target, "shop-link.mjs"));
      link(world.outside, join(world.layout.target, "shop-folder"));
      mkdirSync(join(world.layout.target, "shop-links"), { recursive: true });
      link(world.outside, join(world.layout.target, "shop-links", "all"));
    },
    verbs: [["deploy"], ["rollback", "shop-pipe.mjs", "--yes"], ["promote", "shop-folder"], PRUNE],
    codes: ["done", "ARTIFACT_INCOMPLETE", "ARTIFACT_INCOMPLETE", "done"],
  },
  {
    who: DROPS,
    what: "the names of releases to come are taken",
    act(world) {
      const name = world.current();
      renameSync(join(world.layout.target, name), instead(join(world.layout.target, "shop-away.mjs")));
      pipe(join(world.layout.target, name));
    },
    verbs: [["deploy", "--rebuild"], PRUNE],
  },
];

/** When a process started, in the system's own count: everybody may read that. */
function startOf(pid: number): string {
  return (
    execFileSync("sed", ["-E", "s/^.*\\) //", `/proc/${pid}/stat`], { encoding: "utf8" }).split(" ")[19] ?? ""
  );
}
