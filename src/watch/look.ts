import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { asInplaceError, type ErrorCode } from "../errors.ts";
import type { EventSink, WatchEvent } from "../events.ts";
import type { SiteLayout } from "../site/layout.ts";
import { entryPoint } from "../site/entry-point.ts";
import { matchesManifest, readManifest } from "../site/manifest.ts";
import { readPointer, whereabouts } from "../site/pointer.ts";
import { isArchiveName } from "./archive/archive-name.ts";
import { adopt, refused, type Adopted, type Adoption } from "./adopt.ts";
import { Aside } from "./aside.ts";
import { Drops, inTarget, pointerChangedAt, readingOf, waitingFor, type Drop } from "./drops.ts";
import { changedAt } from "./fingerprint.ts";
import { identity } from "./identity.ts";
import type { NormalWatchOptions } from "./options.ts";
import { Settling, type Unsettled } from "./settling.ts";
import { Told } from "./told.ts";

/** The release that runs, or that was told last. */
interface KnownRelease {
  readonly artifact: string | undefined;
  readonly identity: string;
  /** Of its content; undefined until its manifest was seen. */
  readonly sha256: string | undefined;
}

type Taken =
  /** Adopted; sha256 of its content. */
  | { readonly state: "adopted"; readonly sha256: string; readonly unpacked: boolean }
  | { readonly state: "not-yet"; readonly againMs: number }
  | { readonly state: "refused" };

/** After a drop was overtaken by another change, milliseconds. */
const OVERTAKEN_AGAIN_MS = 50;
/** A drop that is not read or unpacked after so long is read aside: most are small. Milliseconds. */
const SOON_READ_MS = 1_000;
/** While a drop is read aside, it is looked whether it has been this often, milliseconds. */
const READ_AGAIN_MS = 250;

/** One look at a site after the other: is there a release to take that is not the known one? Not to be called in parallel. */
export class Look {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<WatchEvent>;
  readonly #settling: Settling;
  readonly #env: () => NodeJS.ProcessEnv;
  readonly #drops: Drops;
  readonly #aside = new Aside<Adopted>(SOON_READ_MS);
  readonly #told = new Told();
  #mine: string | undefined;
  /** Of the file that was started; undefined: the one that is there at the first look. */
  #started: string | undefined;
  #known: KnownRelease | undefined;
  #pointerAt: bigint | undefined;

  constructor(layout: SiteLayout, options: NormalWatchOptions, events: EventSink<WatchEvent>) {
    this.#layout = layout;
    this.#events = events;
    this.#settling = new Settling(options.stillMs);
    this.#drops = new Drops(layout, this.#told, events);
    this.#mine = options.mine;
    this.#env = options.env;
    this.#started = options.identity;
  }

  runs(artifact: string | undefined): void {
    this.#mine = artifact;
    this.#started = undefined;
    this.#known = undefined;
  }

  /** Returns after how many milliseconds something has to be looked at again, if so. Never rejects. */
  async once(): Promise<number | undefined> {
    const known = (this.#known ??= await this.#recognise(this.#mine));
    const open = await this.#tried("site", () => this.#drops.open());
    const pointerAgainMs = await this.#tried("pointer", () => this.#lookAtPointer(known));
    // What a copy of the site brought along is not told from a drop then.
    const dropsAgainMs = open && (await this.#tried("drops", () => this.#lookForDrops(this.#known ?? known)));
    this.#told.endLook();
    // Whatever was not to be taken in this look is not worth its reading: something newer came, or it is gone.
    this.#aside.giveUpUnasked();
    return soonest(pointerAgainMs, dropsAgainMs);
  }

  /** Gives up what is being read; resolves when nothing is. */
  async close(): Promise<void> {
    await this.#aside.close();
  }

  /** What fails, as by a file that cannot be read, is told once, and keeps nothing else from being looked at. */
  async #tried<T>(what: string, look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      const { code, message } = asInplaceError(error);
      this.#told.keepAll();
      this.#told.once(`look at ${what}`, code, () => this.#events({ type: "look-failed", message }));
      return undefined;
    }
  }

  /** Never rejects: without it, neither the pointer nor any drop would be looked at. */
  async #recognise(artifact: string | undefined): Promise<KnownRelease> {
    if (artifact === undefined) return { artifact, identity: "gone", sha256: undefined };
    const path = join(this.#layout.target, artifact);
    // One that cannot be read tells as little as none; the look at the pointer says so.
    const manifest = await readManifest(this.#layout, artifact).catch(() => undefined);
    const there = await identity(path);
    const started = this.#started ?? there;
    const sound = started === there && manifest !== undefined && (await matchesManifest(path, manifest));
    return { artifact, identity: started, sha256: sound ? manifest.sha256 : undefined };
  }

  async #lookAtPointer(known: KnownRelease): Promise<number | undefined> {
    const pointer = await readPointer(this.#layout);
    switch (pointer.state) {
      case "missing":
        return undefined;
      case "dangling": {
        // As where the target folder is unmounted, or moved away.
        const what = `${this.#layout.pointer} names ${pointer.artifact}, ${whereabouts(pointer)}.`;
        return this.#refusePointer("ARTIFACT_MISSING", what);
      }
      case "invalid": {
        const { code, message } = pointer.error;
        return this.#refusePointer(code, message);
      }
      case "names":
        return await this.#consider(pointer.artifact, pointer.path, known);
      default:
        return pointer satisfies never;
    }
  }

  #refusePointer(code: ErrorCode, message: string): undefined {
    this.#told.once("pointer", message, () => this.#events({ type: "pointer-refused", code, message }));
  }

  async #consider(artifact: string, path: string, known: KnownRelease): Promise<number | undefined> {
    const now = await identity(path);
    const running = artifact === known.artifact;
    const same = running && now === known.identity;
    if (same && known.sha256 !== undefined) return undefined;
    const manifest = await readManifest(this.#layout, artifact);
    // Cut short, or being replaced: where it is newer than the pointer, it is looked at as a drop.
    if (manifest !== undefined && !(await matchesManifest(path, manifest))) {
      return running
        ? undefined
        : this.#refusePointer("ARTIFACT_INCOMPLETE", `${artifact} is not as its manifest says.`);
    }
    const at = changedAt(await lstat(path, { bigint: true }));
    if (!same && (await this.#isFailed(artifact, at, manifest !== undefined))) return undefined;
    let sha256 = manifest?.sha256;
    if (sha256 === undefined || (running && !same)) {
      const taken = await this.#take({ artifact, path, at }, same);
      if (taken.state !== "adopted") return taken.state === "not-yet" ? taken.againMs : undefined;
      // The pointer names the folder now that the archive was unpacked into.
      if (taken.unpacked) return 0;
      sha256 = taken.sha256;
    }
    const isNews = !running || (!same && sha256 !== known.sha256);
    this.#known = { artifact, identity: now, sha256 };
    if (isNews) {
      const cause = running ? "replaced" : "pointer";
      this.#events({ type: "release-found", artifact, path, previous: known.artifact, cause });
    }
    return undefined;
  }

  async #lookForDrops(known: KnownRelease): Promise<number | undefined> {
    const pointerAt = await pointerChangedAt(this.#layout);
    this.#pointerAt = pointerAt ?? this.#pointerAt ?? (await this.#changedAt(known));
    for (const drop of await this.#drops.newerThan(this.#pointerAt, pointerAt !== undefined)) {
      if (await this.#isFailed(drop.artifact, drop.at, false)) continue;
      const taken = await this.#take(drop, false);
      // Older drops wait for the newest: were one of them adopted meanwhile, the newest would be older than the pointer.
      if (taken.state === "not-yet") return taken.againMs;
      if (taken.state === "adopted") return await this.#lookAtPointer(known);
    }
    return undefined;
  }

  async #take(drop: Drop, running: boolean): Promise<Taken> {
    const { artifact, path } = drop;
    const unpacked = isArchiveName(artifact);
    const reading = readingOf(artifact);
    this.#told.keep(reading);
    if (this.#drops.isRefused(drop)) return { state: "refused" };
    let adopted: Adopted | undefined;
    try {
      const settled = await this.#settling.look(path, running);
      if (settled.state === "settling") {
        await this.#tellWaiting(drop, settled);
        return { state: "not-yet", againMs: settled.againMs };
      }
      const pointerAt = await pointerChangedAt(this.#layout);
      const stillWanted = async (): Promise<boolean> => (await pointerChangedAt(this.#layout)) === pointerAt;
      const { print } = settled;
      adopted = await this.#aside.ask(`${artifact} ${print}`, (signal) =>
        this.#adopt({ artifact, path, print, stillWanted, signal, env: this.#env() }, unpacked),
      );
      if (adopted === undefined) {
        const { bytes } = settled;
        this.#told.keep(inTarget(artifact));
        this.#told.once(reading, print, () => this.#events({ type: "drop-reading", artifact, bytes }));
        return { state: "not-yet", againMs: READ_AGAIN_MS };
      }
    } catch (error) {
      adopted = refused(error, false);
    }
    switch (adopted.result) {
      case "adopted":
        return { state: "adopted", sha256: adopted.content.sha256, unpacked };
      case "overtaken":
        return { state: "not-yet", againMs: OVERTAKEN_AGAIN_MS };
      case "refused":
        await this.#drops.refuse(drop, adopted);
        return { state: "refused" };
      default:
        return adopted satisfies never;
    }
  }

  /** Once for each time that it comes to rest, if that takes longer than most do; nothing of what is none of this site's programs. */
  async #tellWaiting({ artifact, path }: Drop, { reason, begun, long }: Unsettled): Promise<void> {
    const waiting = waitingFor(artifact);
    this.#told.keep(waiting);
    if (!long || !(isArchiveName(artifact) || (await hasProgram(path)))) return;
    this.#told.once(waiting, begun, () => this.#events({ type: "drop-waiting", artifact, reason }));
  }

  async #adopt(adoption: Adoption, archive: boolean): Promise<Adopted> {
    if (!archive) return await adopt(this.#layout, adoption, this.#events);
    // Loaded when the first archive comes: most sites never see one.
    const { adoptArchive } = await import("./archive/adopt-archive.ts");
    return await adoptArchive(this.#layout, adoption, this.#events);
  }

  /** A mark holds for the content that failed: for what has a manifest always, else unless it changed since. */
  async #isFailed(artifact: string, at: bigint, hasManifest: boolean): Promise<boolean> {
    const mark = await stat(join(this.#layout.failed, artifact), { bigint: true }).catch(() => undefined);
    const failed = mark !== undefined && (hasManifest || at <= mark.mtimeNs);
    if (failed) {
      this.#told.once(inTarget(artifact), "failed", () =>
        this.#events({ type: "release-skipped", artifact }),
      );
    }
    return failed;
  }

  async #changedAt(known: KnownRelease): Promise<bigint> {
    if (known.artifact === undefined) return 0n;
    const path = join(this.#layout.target, known.artifact);
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    return stats === undefined ? 0n : changedAt(stats);
  }
}

async function hasProgram(path: string): Promise<boolean> {
  return await entryPoint(path).then(
    () => true,
    () => false,
  );
}

function soonest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
