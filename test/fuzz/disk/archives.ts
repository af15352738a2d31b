import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { unpack } from "#src/watch/archive/unpack.js";
import { temporaryFolder } from "../../rig/temporary-site.ts";
import { tarGz, zip, type Entry } from "../../watch/archives.ts";
import { Finding, type Part } from "../part.ts";
import { Random } from "../random.ts";
import { shown } from "../shown.ts";
import { refusedOr, within } from "./refused.ts";

/** An archive of a few hundred bytes takes milliseconds. */
const HANG_MS = 30_000;
const LIMITS = { entries: 1_000, bytes: 10_000_000, ratio: 500, ratioFromBytes: 1_000_000 };
const NAMES = [
  "a",
  "a/b",
  "lib/",
  "lib/x.mjs",
  "./index.mjs",
  "A",
  "é",
  "e\u0301",
  "..",
  "../x",
  "a/../../x",
  "/etc/x",
  "C:/x",
  "a\\b",
  "nul.txt",
  "x.",
  "x ",
  "a:b",
  "_entry.txt",
  "_entry.txt/x",
  "",
  ".",
  "./",
  "a//b",
  "d/".repeat(45),
  "l".repeat(99),
] as const;
/** Of tar: files, links, devices, folders, a pipe, and what extends or replaces other entries. */
const TYPES = [
  "0",
  "\0",
  "7",
  "1",
  "2",
  "3",
  "4",
  "5",
  "6",
  "x",
  "g",
  "L",
  "K",
  "S",
  "D",
  "M",
  "N",
  "V",
  "Z",
] as const;
/** They say something of the entries behind them instead of being one. */
const ABOUT_OTHERS: ReadonlySet<string | undefined> = new Set(["x", "g", "L", "K"]);
const MODES = [0o100644, 0o100755, 0o104755, 0o40755, 0o120777, 0o20666, 0o10644, 0] as const;

/** Whatever an archive holds, nothing outside its folder is written, and it is taken whole or refused with a code. */
export const ARCHIVES: Part = {
  name: "archives",
  unit: "archives",
  async run(run) {
    const folder = await temporaryFolder(run);
    const outside = join(folder, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "canary"), "canary");
    await run.each(async (seed) => {
      const random = new Random(seed);
      const packer = random.onceIn(2) ? "zip" : "tgz";
      const { bytes, entries } = archive(random, packer);
      const inside = join(outside, "inside");
      const file = join(inside, `x.${packer}`);
      await mkdir(inside);
      await writeFile(file, bytes);
      const unpacked = await within(
        HANG_MS,
        refusedOr(() => unpack(file, join(inside, "out"), LIMITS)),
      );
      run.count(unpacked === undefined ? "refused" : "taken");
      const wrong =
        (await escaped(folder, packer)) ??
        (unpacked === undefined ? undefined : await missing(join(inside, "out"), entries));
      if (wrong !== undefined)
        throw new Finding(
          seed,
          `${wrong}\n${packer} of ${shown(JSON.stringify(entries))}\n${bytes.toString("base64")}`,
        );
      await rm(inside, { recursive: true });
    });
  },
};

/** `entries`: what it certainly holds; undefined where others of its bytes change that. */
function archive(random: Random, packer: "zip" | "tgz"): { bytes: Buffer; entries: Entry[] | undefined } {
  const entries = random.list(random.below(6), () => entry(random, packer));
  const packed = packer === "zip" ? zip(entries) : tarGz(entries);
  const known = !entries.some(({ type }) => ABOUT_OTHERS.has(type));
  if (random.onceIn(2)) return { bytes: packed, entries: known ? entries : undefined };
  // A tar's own bytes, since changed gzip is refused by its checksum.
  const inner = packer === "tgz" && !random.onceIn(4);
  const bytes = Buffer.from(inner ? gunzipSync(packed) : packed);
  for (let count = 1 + random.below(5); count > 0; count -= 1)
    bytes[random.below(bytes.length)] = random.onceIn(3)
      ? random.pick([0, 255, 0x2f, 0x35])
      : random.below(256);
  const cut = random.onceIn(6) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
  return { bytes: inner ? gzipSync(cut) : cut, entries: undefined };
}

function entry(random: Random, packer: "zip" | "tgz"): Entry {
  const odd = random.onceIn(3);
  const name = odd
    ? random.onceIn(9)
      ? random.noise(8).replaceAll("\0", "-")
      : random.pick(NAMES)
    : `lib/${random.uint32()}`;
  const content = random.onceIn(30) ? Buffer.alloc(100_000) : "c".repeat(random.below(50));
  return {
    name,
    content: name.endsWith("/") ? "" : content,
    ...(random.onceIn(8) ? { mode: random.pick(MODES) } : {}),
    ...(packer === "tgz" && random.onceIn(8) ? { type: random.pick(TYPES), link: random.pick(NAMES) } : {}),
    ...(packer === "zip" && random.onceIn(15) ? { crc: random.uint32() } : {}),
    ...(packer === "zip" && random.onceIn(15) ? { size: random.below(100) } : {}),
  };
}

/** What is not where it belongs. */
async function escaped(folder: string, packer: string): Promise<string | undefined> {
  const expected = [[], ["outside"], ["canary", "inside"], ["out", `x.${packer}`]];
  for (const [path, names] of [
    [folder, expected[1]],
    [join(folder, "outside"), expected[2]],
    [join(folder, "outside", "inside"), expected[3]],
  ] as const) {
    const others = (await readdir(path)).filter((name) => names?.includes(name) !== true);
    if (others.length > 0) return `it has written ${others.join(", ")} into ${path}`;
  }
  if ((await readFile(join(folder, "outside", "canary"), "utf8")) !== "canary")
    return "the canary is another";
  const out = join(folder, "outside", "inside", "out");
  for (const found of await readdir(out, { withFileTypes: true, recursive: true }).catch(() => []))
    if (!found.isFile() && !found.isDirectory()) return `${found.name} is neither a file nor a folder`;
  return undefined;
}

/** What a taken archive has and its folder has not. */
async function missing(out: string, entries: readonly Entry[] | undefined): Promise<string | undefined> {
  for (const { name, content } of entries ?? []) {
    const path = join(out, name.replaceAll("\\", "/")); // As old .NET wrote them, in zip.
    const found = await readFile(path).catch((error: NodeJS.ErrnoException) => error.code);
    const isFolder = found === "EISDIR";
    if (isFolder && (name.endsWith("/") || name === ".")) continue;
    if (!Buffer.isBuffer(found) || !found.equals(Buffer.from(content ?? "")))
      return `${shown(name)} was taken and is not there as it was`;
  }
  return undefined;
}
