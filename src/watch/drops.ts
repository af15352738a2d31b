import type { BigIntStats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { asInplaceError, type ErrorCode } from "../errors.ts";
import type { EventSink, WatchEvent } from "../events.ts";
import { isArtifactName, isTemporaryName } from "../site/artifact-name.ts";
import { LeftAlone, type Origin } from "../site/left-alone.ts";
import { leftoverKind } from "../site/leftover.ts";
import { TARGET_FOLDER, type SiteLayout } from "../site/layout.ts";
import { exists, namesIn } from "../site/present.ts";
import { manifestPath, matchesManifest, readManifest } from "../site/manifest.ts";
import type { Refused } from "./adopt.ts";
import { withoutArchiveEnding } from "./archive/archive-name.ts";
import { changedAt } from "./fingerprint.ts";
import { identity } from "./identity.ts";
import { Refusals } from "./refusals.ts";
import type { Told } from "./told.ts";

/** So many names are looked at together: one after the other, ten thousand old artifacts take seconds on a busy machine. */
const AT_A_TIME = 256;

/** Something that was put into the target folder by hand after the current release was chosen. */
export interface Drop {
  readonly artifact: string;
  readonly path: string;
  /** Nanoseconds since the epoch, by the clock of the file system. */
  readonly at: bigint;
}

/** Finds drops; remembers what it looked into, so that a look at a site at rest reads no manifest. */
export class Drops {
  readonly #layout: SiteLayout;
  readonly #events: EventSink<WatchEvent>;
  readonly #matching = new Map<string, bigint>();
  readonly #told: Told;
  readonly #refusals = new Refusals();
  readonly #leftAlone: LeftAlone;
  #origin: Origin | undefined;
  /** Older than the current release: when they were changed last. */
  readonly #old = new Map<string, bigint>();
  /** Those that were not known as such before this look. */
  readonly #justOld = new Map<string, BigIntStats>();

  constructor(layout: SiteLayout, told: Told, events: EventSink<WatchEvent>) {
    this.#layout = layout;
    this.#leftAlone = new LeftAlone(layout);
    this.#told = told;
    this.#events = events;
  }

  /** Before anything is written in the site: whether it lies where it was, or was copied here. */
  async open(): Promise<Origin> {
    return (this.#origin ??= await this.#leftAlone.open());
  }

  /**
   * Newest first: without manifest and not older than `since`, or not as its manifest says and newer. In a copy of a site whose
   * pointer says what is to run (`pointed`), none of what lies there at the first look.
   */
  async newerThan(since: bigint, pointed: boolean): Promise<readonly Drop[]> {
    const names = await namesIn(this.#layout.target);
    this.#refusals.keepOnly(names);
    const drops: Drop[] = [];
    for (let from = 0; from < names.length; from += AT_A_TIME) {
      const some = names.slice(from, from + AT_A_TIME).map((name) => this.#dropOf(name, since));
      drops.push(...(await Promise.all(some)).filter((drop) => drop !== undefined));
    }
    if (this.#origin === "copied" && pointed) await this.#leaveAlone(drops.splice(0));
    this.#origin = "known";
    await this.#leaveOldAlone();
    await this.#leftAlone.save(new Set(names));
    return drops.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.artifact.localeCompare(a.artifact)));
  }

  /**
   * Tells once that it can not become a release as it is, unless it is gone meanwhile. What is deep in a folder changes without the
   * folder's time.
   */
  async refuse({ artifact, path, at }: Drop, { code, reason, lasting }: Refused): Promise<void> {
    if (!(await isThere(path))) return;
    const isFile = (await lstat(path).catch(() => undefined))?.isFile() === true;
    this.#refusals.add(artifact, at, lasting && isFile);
    this.#no(artifact, code, reason, await identity(path));
  }

  /** It was refused as it is, and is not to be tried again yet. */
  isRefused({ artifact, at }: Drop): boolean {
    if (!this.#refusals.rests(artifact, at)) return false;
    this.#told.keep(inTarget(artifact));
    return true;
  }

  /** What cannot be looked into keeps no other from being found. */
  async #dropOf(name: string, since: bigint): Promise<Drop | undefined> {
    try {
      return await this.#lookInto(name, since);
    } catch (error) {
      if (!(await isThere(join(this.#layout.target, name)))) return undefined;
      const { code, message } = asInplaceError(error);
      return this.#no(name, code, message);
    }
  }

  async #lookInto(name: string, since: bigint): Promise<Drop | undefined> {
    if (isTemporaryName(name)) return undefined;
    const path = join(this.#layout.target, name);
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stats === undefined) return undefined;
    const at = changedAt(stats);
    if (this.#matching.get(name) === at || this.#leftAlone.has(name, stats)) return undefined;
    if (at < since) {
      if (this.#old.get(name) !== at) this.#justOld.set(name, stats);
      this.#old.set(name, at);
      return undefined;
    }
    this.#told.keep(inTarget(name));
    this.#told.keep(readingOf(name));
    this.#told.keep(waitingFor(name));
    if (this.#refusals.rests(name, at)) return undefined;
    if (!isArtifactName(name)) return this.#no(name, "ARTIFACT_NAME_INVALID", "its name is no artifact name");
    if (!stats.isFile() && !stats.isDirectory())
      return this.#no(name, "ARTIFACT_INCOMPLETE", "it is neither a file nor a folder");
    const manifest = await readManifest(this.#layout, name);
    if (manifest === undefined) {
      const what = leftoverKind(name) ?? leftoverKind(withoutArchiveEnding(name));
      if (what === undefined) return { artifact: name, path, at };
      const reason = `by its name it is ${what}; rename it to publish it`;
      return this.#no(name, "ARTIFACT_NAME_INVALID", reason);
    }
    if (await matchesManifest(path, manifest)) {
      this.#matching.set(name, at);
      return undefined;
    }
    return at > since ? { artifact: name, path, at } : undefined;
  }

  async #leaveAlone(drops: readonly Drop[]): Promise<void> {
    if (drops.length === 0) return;
    for (const { artifact, path } of drops) {
      const stats = await lstat(path, { bigint: true }).catch(() => undefined); // Gone meanwhile.
      if (stats !== undefined) this.#leftAlone.add(artifact, stats);
    }
    this.#events({ type: "drops-left-alone", names: drops.map(({ artifact }) => artifact) });
  }

  /** What has a manifest is a release; the names of all cost less than a look at each. */
  async #leaveOldAlone(): Promise<void> {
    if (this.#justOld.size === 0) return;
    const manifests = new Set(await namesIn(this.#layout.manifests));
    for (const [name, stats] of this.#justOld)
      if (!manifests.has(basename(manifestPath(this.#layout, name)))) this.#leftAlone.add(name, stats);
    this.#justOld.clear();
  }

  /** put: tells what is there from what was put there anew, which is told anew; other rights or another owner make no other. */
  #no(name: string, code: ErrorCode, reason: string, put = ""): undefined {
    this.#told.once(inTarget(name), `${code} ${put}`, () =>
      this.#events({ type: "drop-refused", name, code, reason }),
    );
  }
}

/** Of what something is told that lies in the target folder under this name. */
export function inTarget(name: string): string {
  return `${TARGET_FOLDER}/${name}`;
}

/** Of what it is told that it is read: what is refused then is read again by a later look. */
export function readingOf(name: string): string {
  return `reading ${name}`;
}

/** Of what it is told that it is not whole. */
export function waitingFor(name: string): string {
  return `waiting for ${name}`;
}

/** When the current release was chosen: the pointer's last change; undefined where there is no pointer. */
export async function pointerChangedAt(layout: SiteLayout): Promise<bigint | undefined> {
  const stats = await stat(layout.pointer, { bigint: true }).catch(() => undefined);
  return stats === undefined ? undefined : changedAt(stats);
}

/** What cannot be looked at is. */
async function isThere(path: string): Promise<boolean> {
  return await exists(path).catch(() => true);
}
