import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { BuildWarning } from "./builder.ts";

/** A file of the app, and where its code lies in the artifact. */
export interface PlacedFile {
  readonly path: string;
  readonly folder: string;
}

const HERE = String.raw`(?:__dirname|import\.meta\.dirname)`;
const WORD = String.raw`["'\`]([^"'\`$]+)["'\`]`;
/** join(__dirname, "views", …), __dirname + "/views", \`\${__dirname}/views\`, new URL("./views", import.meta.url). */
const BESIDE: readonly RegExp[] = [
  new RegExp(String.raw`${HERE}\s*,\s*((?:["'\`][^"'\`$]+["'\`]\s*,?\s*)+)`, "g"),
  new RegExp(String.raw`${HERE}\s*\+\s*${WORD}`, "g"),
  new RegExp(String.raw`\$\{${HERE}\}([^\`$]+)`, "g"),
  new RegExp(String.raw`new URL\(\s*${WORD}\s*,\s*import\.meta\.url`, "g"),
];

/**
 * What the files look for by a path from their own place, that lies there in the source and not in the artifact. One warning
 * for all; packages are named as they are.
 */
export function filesLeftBehind(files: readonly PlacedFile[], hint: string): readonly BuildWarning[] {
  const missing = new Map<string, Set<string>>();
  for (const { path, folder } of files) {
    for (const name of pathsBeside(textOf(path))) {
      if (!existsSync(join(dirname(path), name)) || existsSync(join(folder, name))) continue;
      const who = path.replace(/^.*[\\/]node_modules[\\/]/, "").replaceAll("\\", "/");
      const short = who === path.replaceAll("\\", "/") ? basename(path) : who;
      missing.set(short, (missing.get(short) ?? new Set()).add(name));
    }
  }
  if (missing.size === 0) return [];
  const what = [...missing].map(([who, names]) => `${[...names].join(", ")} (${who})`);
  return [{ message: `not part of the release, and looked for beside the code: ${what.join("; ")}`, hint }];
}

/** Paths relative to the file that has the text. */
export function pathsBeside(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  if (!/__dirname|import\.meta\./.test(text)) return found;
  const code = text.replace(/^\s*(\/\/|\*).*$/gm, "");
  for (const expression of BESIDE) {
    for (const [, words = ""] of code.matchAll(expression)) {
      const parts = [...words.matchAll(/["'`]([^"'`]+)["'`]/g)].map(([, part = ""]) => part);
      const name = (parts.length > 0 ? parts.join("/") : words).replace(/^\/+|[?#].*$/g, "");
      if (name !== "" && !/^\.{0,2}\/*$/.test(name) && !/^\w+:/.test(name)) found.add(name);
    }
  }
  return found;
}

function textOf(path: string): string {
  return /\.[cm]?[jt]sx?$/.test(path) && existsSync(path) ? readFileSync(path, "utf8") : "";
}
