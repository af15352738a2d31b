import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { describeArtifact, type Manifest } from "#src/site/manifest.js";
import { generateKeys, isSigned } from "#src/site/signature.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { snapshot } from "../rig/snapshot.js";
import { inplace, writeFiles } from "../rig/source.js";
import { Repository } from "../rig/project.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** Root deploys. */
export const DEPLOYS = 0;
/** Runs the site, and owns `.inplace`. */
export const RUNS = 6001;
/** May write `_target`, and nothing else. */
export const DROPS = 6002;

/** Several accounts at once need root, which CI has. */
export const NEEDS_ROOT = {
  skip:
    process.env["CI"] !== "true" && process.getuid?.() !== 0
      ? "to act as several accounts needs root"
      : false,
};

/** From the start of a verb to its end: what hangs takes longer, what is slow does not. */
const VERB_LIMIT_MS = 60_000;
/** What a race gets, milliseconds; where nothing can be swapped, it is waited for in vain. */
const RACE_MS = 1_500;
const SECRET = "secret-of-the-deployer";

/** A site on which three accounts meet, and what may never be touched beside it. */
export class World {
  readonly top: string;
  readonly layout: SiteLayout;
  readonly repository: Repository;
  /** Every piece of code writes here whose it is and as whom it ran; everybody may write it. */
  readonly ran: string;
  /** Of the deployer: no verb and no account has anything to do there. */
  readonly outside: string;
  readonly key: string;
  readonly publicKey: string;
  /** A process of the deployer that nobody has a reason to end; it leads a group, as a keeper does. */
  sentinel!: ChildProcess;
  #before: Record<string, string> = {};
  #t: TestContext;

  private constructor(t: TestContext, top: string) {
    this.#t = t;
    this.top = top;
    this.layout = siteLayout(join(top, "site"));
    this.repository = new Repository(join(top, "shop"));
    this.ran = join(top, "ran");
    this.outside = join(top, "outside");
    this.key = join(top, "keys", "inplace.key");
    this.publicKey = join(top, "keys", "inplace.pub");
  }

  static async create(t: TestContext): Promise<World> {
    const world = new World(t, await temporaryFolder(t));
    const { top, layout, repository, outside } = world;
    chmodSync(top, 0o711);
    for (const folder of [layout.target, repository.folder, world.ran, outside, join(top, "keys")])
      mkdirSync(folder, { recursive: true });
    chmodSync(world.ran, 0o1777);
    chownSync(layout.target, DROPS, DROPS);
    await repository.git("init", "--quiet", "--initial-branch=main");
    await world.release("one");
    const { privateKey, publicKey } = generateKeys();
    writeFileSync(world.key, privateKey, { mode: 0o600 });
    writeFileSync(world.publicKey, publicKey);
    world.fillOutside();
    world.#before = await snapshot(outside);
    world.startSentinel();
    world.renew();
    return world;
  }

  private startSentinel(): void {
    const sentinel = spawn("sleep", ["infinity"], { detached: true, stdio: "ignore" });
    this.sentinel = sentinel;
    this.#t.after(() => sentinel.kill("SIGKILL"));
  }

  /** Keeps all that is there now; what it gives puts it back, for a further test. */
  async keep(): Promise<(t: TestContext) => Promise<void>> {
    const kept = join(await temporaryFolder(this.#t), "kept");
    const copy = (from: string, to: string) => promisify(execFile)("cp", ["-a", "-T", "--", from, to]);
    await copy(this.top, kept);
    return async (t) => {
      for (const name of readdirSync(this.top)) rmSync(join(this.top, name), { recursive: true });
      await copy(kept, this.top);
      this.#t = t;
      this.startSentinel();
    };
  }

  /** A commit whose build and whose artifact say where they ran. */
  async release(version: string): Promise<void> {
    await writeFiles(this.repository.folder, {
      "inplace.config.json": {
        site: "shop",
        haproxy: {},
        rollout: "recycle",
        files: ["public"],
        build: { builder: "command", command: [process.execPath, "build.mjs"], extension: ".mjs" },
      },
      [`public/uploads/${version}.txt`]: version,
      [`public/uploads/new/${version}.txt`]: version,
      "build.mjs": `
        import { existsSync, writeFileSync } from "node:fs";
        ${this.marks("deployer")}
        writeFileSync(process.env.ARTIFACT, ${JSON.stringify(`${this.code("deployer")}\n// ${version}`)});
        const until = Date.now() + ${RACE_MS};
        while (${this.racing("existsSync")} && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));`,
    });
    await this.repository.commit(version);
  }

  /** Whether somebody races with the build, and is not through yet. */
  private racing(exists: string): string {
    const there = (name: string): string => `${exists}(${JSON.stringify(join(this.ran, name))})`;
    return `${there("ready")} && !${there("swapped")}`;
  }

  /** Who races gets the time that he needs once a checkout is there; he says so in the folder `ran`. */
  waitAfterCheckout(): void {
    const script = `#!/bin/sh
exec '${process.execPath}' -e 'const { existsSync } = require("fs"); const until = Date.now() + ${RACE_MS};
while (${this.racing("existsSync")} && Date.now() < until);'
`;
    writeFileSync(join(this.repository.folder, ".git", "hooks", "post-checkout"), script, { mode: 0o755 });
  }

  /** The artifact that was published first. */
  current(): string {
    return namesIn(this.layout.target).find((name) => /^shop-[0-9a-f]{10}\.mjs$/.test(name)) ?? "shop-1.mjs";
  }

  /** A program that says whose code it is and as whom it ran. */
  code(whose: string): string {
    return `import { writeFileSync } from "node:fs"; ${this.marks(whose)}`;
  }

  marks(whose: string): string {
    return `writeFileSync(${JSON.stringify(`${this.ran}/`)} + ${JSON.stringify(`${whose} as `)} + process.getuid(), "");`;
  }

  /** The state that the accounts share, as a careful administrator sets it up. */
  renew(): void {
    const own = join(this.layout.root, ".inplace");
    rmSync(own, { recursive: true, force: true });
    mkdirSync(own);
    chownSync(own, RUNS, RUNS);
    this.as(RUNS, () => mkdirSync(this.layout.staging));
    // What the app writes into; files of the commit go there too.
    const uploads = join(this.layout.root, "public", "uploads");
    rmSync(uploads, { recursive: true, force: true });
    mkdirSync(uploads, { recursive: true });
    chownSync(uploads, RUNS, RUNS);
  }

  /** Does something in step as another account. */
  as<T>(uid: number, work: () => T): T {
    process.setegid?.(uid);
    process.seteuid?.(uid);
    try {
      return work();
    } finally {
      process.seteuid?.(0);
      process.setegid?.(0);
    }
  }

  /** A program of another account that runs beside what follows; killed when the test ends. */
  beside(uid: number, script: string): ChildProcess {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { uid, gid: uid, cwd: "/" });
    this.#t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    return child;
  }

  /** Runs a verb as the deployer. What it ends with is told by code; it may refuse, but neither hang nor break. */
  async verb(...args: readonly string[]): Promise<{ readonly code: string; readonly output: string }> {
    const { code, stdout, stderr } = await inplace(
      this.#t,
      ["--site-root", this.layout.root, ...args, "--json"],
      {
        cwd: this.repository.folder,
        timeoutMs: VERB_LIMIT_MS,
      },
    );
    const output = stdout + stderr;
    const error = /"error":\{"code":"(\w+)"/.exec(stdout)?.[1];
    assert.notEqual(error, "INTERNAL", output);
    assert.notEqual(code, null, output);
    return { code: error ?? "done", output };
  }

  deploy(...args: readonly string[]): Promise<{ readonly code: string; readonly output: string }> {
    return this.verb("deploy", "--source", this.repository.folder, ...args);
  }

  /** Starts the site as the account that runs it, as a service would: its artifact says so, and ends. */
  async start(): Promise<{ readonly code: string }> {
    const child = spawn("/bin/sh", ["launch.sh"], {
      cwd: this.layout.root,
      uid: RUNS,
      gid: RUNS,
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, INPLACE_SITE_ROOT: this.layout.root },
      stdio: "ignore",
      timeout: VERB_LIMIT_MS,
    });
    const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    assert.equal(signal, null, "the launcher did not end");
    return { code: "done" };
  }

  /** What may never be, whatever was done before: it is looked at after every step. */
  async assertBoundaries(after: string): Promise<void> {
    for (const name of readdirSync(this.ran).filter((each) => / as \d+$/.test(each))) {
      const [whose = "", as = ""] = name.split(" as ");
      assert.ok(MAY_RUN_AS[whose]?.includes(Number(as)), `after ${after}: code of ${name} ran`);
    }
    assert.deepEqual(await snapshot(this.outside), this.#before, `outside of the site, after ${after}`);
    assert.equal(
      this.sentinel.signalCode ?? this.sentinel.exitCode,
      null,
      `a process was ended after ${after}`,
    );
    this.assertSecretKept(this.layout.root, after);
    await this.assertSignedIsOurs(after);
  }

  /** Whatever bears the deployer's signature, and is what it says, was built by the deployer. */
  private async assertSignedIsOurs(after: string): Promise<void> {
    for (const name of namesIn(this.layout.manifests)) {
      const manifest = JSON.parse(textOf(join(this.layout.manifests, name)) || "null") as Manifest | null;
      const path = join(this.layout.target, name.replace(/\.json$/, ""));
      const content = textOf(path);
      if (manifest === null || content === "" || !(await isSigned(manifest, this.publicKey))) continue;
      if ((await describeArtifact(path)).sha256 !== manifest.sha256) continue;
      assert.ok(content.includes("deployer as "), `after ${after}: ${name} is signed: ${content}`);
    }
  }

  /** Nothing that the others can read holds what only the deployer can. */
  private assertSecretKept(folder: string, after: string): void {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      if (lstatSync(path).isDirectory()) this.assertSecretKept(path, after);
      else assert.ok(!textOf(path).includes(SECRET), `after ${after}: the secret is in ${path}`);
    }
  }

  private fillOutside(): void {
    for (const name of [
      "x",
      "authorized_keys",
      "shop-1.mjs",
      "shop-1.mjs.json",
      "build-old/x",
      "1.recorded",
    ]) {
      mkdirSync(join(this.outside, name, ".."), { recursive: true });
      writeFileSync(join(this.outside, name), `of the deployer: ${name}`);
    }
    writeFileSync(join(this.outside, "secret"), SECRET, { mode: 0o600 });
    writeFileSync(join(this.outside, "secret.json"), JSON.stringify({ secret: SECRET }), { mode: 0o600 });
  }

  async otherIsReady(): Promise<void> {
    await until("the other account looks", () => readdirSync(this.ran).includes("ready"));
  }
}

/** Whose code may run as whom. Whoever writes `_target` says what the site runs: that is what it is there for. */
const MAY_RUN_AS: Readonly<Record<string, readonly number[]>> = {
  deployer: [DEPLOYS, RUNS],
  [RUNS]: [RUNS],
  [DROPS]: [DROPS, RUNS],
};

/** What a folder holds; nothing where it is none, or a link. */
function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : [];
}

/** What a plain file holds: what others planted may be anything. */
function textOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, "utf8") : "";
}
