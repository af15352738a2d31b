import { InplaceError } from "../../errors.ts";
import { entryParts, foldedPath, unsafe } from "./entry-path.ts";

// What the Finder adds to zip files beside the content.
const IGNORED = /^(__MACOSX\/|(.*\/)?\.DS_Store$)/;

type Kind = "file" | "folder";

/** Whether the entries of an archive, taken together, are ones that mean the same on every system. */
export class EntryCheck {
  readonly #most: number;
  readonly #taken = new Map<string, { readonly name: string; readonly kind: Kind }>();
  #entries = 0;

  /** most: so many entries at most. */
  constructor(most: number) {
    this.#most = most;
  }

  get files(): number {
    return [...this.#taken.values()].filter(({ kind }) => kind === "file").length;
  }

  /** The parts of the path; undefined: what is to be left out. Throws ARCHIVE_UNSAFE. */
  take(path: string, kind: Kind): readonly string[] | undefined {
    this.#entries += 1;
    if (this.#entries > this.#most) throw tooMany(this.#most);
    if (kind === "file" && IGNORED.test(path)) return undefined;
    const parts = kind === "folder" && (path === "./" || path === ".") ? [] : entryParts(path);
    if (kind === "file" && parts.length === 0) throw unsafe(path, "is the archive's own folder, as a file");
    this.#claim(path, parts, kind);
    return parts;
  }

  /** A path may come once as a file and in one letter case only, and every folder above it is no file. */
  #claim(path: string, parts: readonly string[], kind: Kind): void {
    for (let length = 1; length < parts.length; length++) {
      if (this.#add(path, parts.slice(0, length), "folder") === "file")
        throw unsafe(path, "lies inside a file");
    }
    const before = this.#add(path, parts, kind);
    if (before !== undefined && (kind === "file" || before === "file")) throw unsafe(path, "is there twice");
  }

  #add(path: string, parts: readonly string[], kind: Kind): Kind | undefined {
    const name = parts.join("/");
    if (name === "") return undefined;
    const folded = foldedPath(name);
    const before = this.#taken.get(folded);
    if (before === undefined) this.#taken.set(folded, { name, kind });
    else if (before.name !== name)
      throw unsafe(path, `is ${before.name} on Windows, where case makes no difference`);
    return before?.kind;
  }
}

export function tooMany(most: number): InplaceError {
  return new InplaceError("ARCHIVE_UNSAFE", `The archive has more than ${most} entries.`);
}
