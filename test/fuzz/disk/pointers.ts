import { mkdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { isArtifactName } from "#src/site/artifact-name.js";
import { entryPoint, ENTRY_FILE } from "#src/site/entry-point.js";
import type { SiteLayout } from "#src/site/layout.js";
import { parsePointer, readPointer } from "#src/site/pointer.js";
import { entryParts } from "#src/watch/archive/entry-path.js";
import { temporarySite } from "../../rig/temporary-site.ts";
import { Finding, type Part } from "../part.ts";
import { Random } from "../random.ts";
import { shown } from "../shown.ts";
import { refusedOr } from "./refused.ts";

const PIECES = [
  "_target",
  "_TARGET",
  "_target/",
  "_target\\",
  "app-1.mjs",
  "folder",
  "link",
  "..",
  ".",
  "etc",
  "C:",
  "con",
  "\\\\host\\share",
  "~",
  "/",
  "\\",
  "//",
  '"',
  "'",
  " ",
  "\t",
  "\r\n",
  "\n",
  "\0",
  "\ufeff",
  "%2e",
  ":",
  "\u202e",
  "é",
  "\xa0",
  "index.mjs",
  "lib/x.mjs",
] as const;
const STATES: ReadonlySet<string> = new Set(["names", "dangling", "invalid", "missing"]);

/** Whatever the pointer, `_entry.txt` or an archive's entry says, it names something inside or is refused with a code. */
export const POINTERS: Part = {
  name: "pointers",
  unit: "texts",
  async run(run) {
    const layout = await temporarySite(run);
    await writeFile(join(layout.target, "app-1.mjs"), "");
    const folder = join(layout.target, "folder");
    await mkdir(join(folder, "lib"), { recursive: true });
    await writeFile(join(folder, "index.mjs"), "");
    await writeFile(join(folder, "lib", "x.mjs"), "");
    await symlink(layout.root, join(layout.target, "link"), "junction");
    await run.each(async (seed) => {
      const random = new Random(seed);
      const text = random.onceIn(10)
        ? random.noise(random.below(6_000))
        : random.list(random.below(9), () => random.pick(PIECES)).join("");
      const wrong =
        (await parsed(layout, text)) ??
        (await entryOf(random, folder, text)) ??
        (await read(random, layout, text));
      if (wrong !== undefined) throw new Finding(seed, `${wrong}: ${shown(text)}`);
    });
  },
};

async function parsed(layout: SiteLayout, text: string): Promise<string | undefined> {
  const name = await refusedOr(() => parsePointer(layout, text));
  if (name !== undefined && (!isArtifactName(name) || /[/\\\0:]|^\.\.?$/.test(name)))
    return `the pointer names ${JSON.stringify(name)}`;
  for (const part of (await refusedOr(() => entryParts(text))) ?? [])
    if (/[/\\\0:]|^\.*$/.test(part)) return `an archive's entry has the part ${JSON.stringify(part)}`;
  return undefined;
}

async function read(random: Random, layout: SiteLayout, text: string): Promise<string | undefined> {
  await place(random, layout.pointer, text);
  const pointer = await readPointer(layout);
  await rm(layout.pointer, { recursive: true, force: true });
  if (!STATES.has(pointer.state)) return `the pointer is ${pointer.state}`;
  if (pointer.state === "names" && pointer.path !== join(layout.target, pointer.artifact))
    return `the pointer names ${pointer.path}`;
  return undefined;
}

/** What is started for a folder lies inside it, whatever its `_entry.txt` is. */
async function entryOf(random: Random, folder: string, text: string): Promise<string | undefined> {
  const file = join(folder, ENTRY_FILE);
  await place(random, file, text);
  const entry = await refusedOr(() => entryPoint(folder));
  await rm(file, { recursive: true, force: true });
  if (entry === undefined) return undefined;
  if (!entry.startsWith(folder + sep)) return `${ENTRY_FILE} starts ${entry}`;
  return (await stat(entry)).isFile() ? undefined : `${ENTRY_FILE} starts ${entry}, which is no file`;
}

/** A file with the text; at times a folder, or a link to nothing or to itself. */
async function place(random: Random, path: string, text: string): Promise<void> {
  switch (random.below(20)) {
    case 0:
      await mkdir(path);
      return;
    case 1:
      return symlink(path, path);
    case 2:
      return symlink("nothing", path);
    default:
      await writeFile(path, text, random.onceIn(2) ? "utf8" : "latin1");
  }
}
