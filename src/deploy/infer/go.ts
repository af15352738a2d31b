import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import type { Has, Proposal } from "./proposal.ts";

/** In the artifact, beside the files that it reads; by this name nothing of an app's is called. */
const PROGRAM = process.platform === "win32" ? "_server.exe" : "_server";

/** The program alone where it holds all that it serves; with its folder where it reads files of it when it runs. */
export function go(folder: string, has: Has): Proposal | undefined {
  if (has("go.mod") === undefined) return undefined;
  const main = mainPackage(folder, has);
  const read = filesRead(folder, main);
  if (read.length === 0)
    return {
      build: { builder: "command", command: ["go", "build", "-o", "$ARTIFACT", main] },
      reasons: [`go.mod: go build of ${main}`],
    };
  return {
    build: {
      builder: "directory",
      command: ["go", "build", "-o", `$ARTIFACT/${PROGRAM}`, main],
      directory: ".",
      start: `./${PROGRAM}`,
      // Packages of JavaScript beside it are for its build.
      ...(has("package.json") !== undefined && { install: false }),
    },
    reasons: [
      `go.mod: go build of ${main}`,
      `${list(read)}: read when it runs and not embedded, so the whole folder goes with it`,
    ],
  };
}

function mainPackage(folder: string, has: Has): string {
  const names =
    has("main.go") === undefined && has("cmd") !== undefined ? readdirSync(join(folder, "cmd")) : [];
  if (names.length === 0) return ".";
  return `./cmd/${names.find((name) => /^(server|web|api|app)$/.test(name)) ?? names[0] ?? ""}`;
}

/** Folders that web programs read by custom, also where a variable says so. */
const BY_CUSTOM = ["static", "public", "templates", "views", "assets", "locales", "migrations"];
const NOT_LOOKED_INTO = /^(\.|_|vendor$|node_modules$|testdata$)/;
const CODE = /\.go$|^go\.(mod|sum|work)$/;
/** A program of more files is not looked through to the end. */
const MOST_FILES = 1000;
const IMPORTS = /^import\s*(\([^)]*\)|.*$)/gm;
const COMMENT = /^\s*\/\/.*$/gm;
const LITERAL = /"((?:[^"\\\n]|\\.)+)"|`([^`\n]+)`/g;
const OWN_FOLDER = /\b\w*(?:Dir|FS|Path)\(\s*["`]\.\/?["`]/;
const EMBED = /^\/\/go:embed\s+(.+)$/gm;

/** What of the folder the program names, or has by custom, and does not embed; relative with "/". */
function filesRead(folder: string, main: string): string[] {
  const embedded: string[] = [];
  const named = new Set<string>();
  for (const path of sources(folder)) {
    const text = readFileSync(join(folder, path), "utf8");
    for (const [, patterns = ""] of text.matchAll(EMBED))
      for (const [pattern] of patterns.matchAll(/"[^"]*"|`[^`]*`|\S+/g))
        embedded.push(
          posix.join(posix.dirname(path), fixedPart(pattern.replace(/^["`]?(all:)?|["`]$/g, ""))),
        );
    const code = text.replace(IMPORTS, "").replace(COMMENT, "");
    if (OWN_FOLDER.test(code)) named.add(".");
    for (const [, quoted, raw = ""] of code.matchAll(LITERAL)) {
      const name = fixedPart(quoted ?? raw);
      if (!/^(\.?$|\/|\.\.(\/|$))/.test(name)) named.add(name);
    }
  }
  for (const name of BY_CUSTOM) for (const at of new Set([".", main])) named.add(posix.join(at, name));
  const isEmbedded = (name: string): boolean =>
    embedded.some((each) => each === name || each === "." || name.startsWith(`${each}/`));
  return [...named].filter((name) => !isEmbedded(name) && holdsMore(folder, name)).sort();
}

/** The part of a pattern before its first placeholder, up to a "/"; "." for all. */
function fixedPart(pattern: string): string {
  const at = pattern.search(/[*?[{%]/);
  const fixed = at < 0 ? pattern : pattern.slice(0, at).replace(/[^/]*$/, "");
  return posix.normalize(fixed).replace(/(?<=.)\/$/, "");
}

function sources(folder: string, prefix = "", found: string[] = []): string[] {
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    if (found.length >= MOST_FILES) break;
    const path = posix.join(prefix, entry.name);
    if (entry.isFile() && /(?<!_test)\.go$/.test(entry.name)) found.push(path);
    else if (entry.isDirectory() && !NOT_LOOKED_INTO.test(entry.name)) sources(folder, path, found);
  }
  return found;
}

/** Whether it is there, and a file that is no code, or a folder with one. */
function holdsMore(folder: string, path: string): boolean {
  if (path.includes("\0") || path.length > 255 || !existsSync(join(folder, path))) return false;
  if (!statSync(join(folder, path)).isDirectory()) return !CODE.test(posix.basename(path));
  if (path === ".") return true;
  return readdirSync(join(folder, path), { withFileTypes: true }).some(
    (entry) =>
      (entry.isFile() && !CODE.test(entry.name)) ||
      (entry.isDirectory() && holdsMore(folder, posix.join(path, entry.name))),
  );
}

const NAMED = 3;

function list(paths: readonly string[]): string {
  const words = paths.map((path) => (path === "." ? "its own folder" : path));
  const more = words.length - NAMED;
  return words.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
