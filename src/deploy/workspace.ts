import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { decodeText } from "../decode-text.ts";
import {
  isAnyOf,
  isAnything,
  isFlag,
  isListOf,
  isObject,
  isText,
  orAbsent,
  unsoundFields,
  withFields,
  type Check,
  type Fields,
} from "../record-shape.ts";

/** What of a package.json says how an app is built and started. */
export interface PackageManifest {
  readonly name?: string;
  readonly version?: string;
  readonly type?: string;
  readonly main?: string;
  readonly bin?: string | Readonly<Record<string, string>>;
  readonly private?: boolean;
  readonly packageManager?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean } | undefined>>;
  readonly bundleDependencies?: unknown;
  readonly bundledDependencies?: unknown;
  readonly workspaces?: readonly string[] | { readonly packages?: readonly string[] };
}

const isTexts: Check<Readonly<Record<string, string>>> = (value): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every(isText);
const isOptional = orAbsent(withFields<{ readonly optional?: boolean }>({ optional: orAbsent(isFlag) }));

const FIELDS: Fields<PackageManifest> = {
  name: orAbsent(isText),
  version: orAbsent(isText),
  type: orAbsent(isText),
  main: orAbsent(isText),
  bin: orAbsent(isAnyOf(isText, isTexts)),
  private: orAbsent(isFlag),
  packageManager: orAbsent(isText),
  scripts: orAbsent(isTexts),
  dependencies: orAbsent(isTexts),
  devDependencies: orAbsent(isTexts),
  optionalDependencies: orAbsent(isTexts),
  peerDependencies: orAbsent(isTexts),
  peerDependenciesMeta: (value): value is PackageManifest["peerDependenciesMeta"] =>
    value === undefined || (isObject(value) && Object.values(value).every(isOptional)),
  bundleDependencies: isAnything,
  bundledDependencies: isAnything,
  workspaces: orAbsent(
    isAnyOf(
      isListOf(isText),
      withFields<{ readonly packages?: readonly string[] }>({ packages: orAbsent(isListOf(isText)) }),
    ),
  ),
};
/** In them people write comments that are lists, which npm passes over. */
const WITH_COMMENTS: ReadonlySet<string> = new Set(["bin", "scripts", "dependencies", "devDependencies"]);

/**
 * The folder's package.json, without the fields that are not what npm takes there; undefined where there is none, or none
 * that is a JSON object.
 */
export function readPackage(folder: string): PackageManifest | undefined {
  try {
    const found: unknown = JSON.parse(decodeText(readFileSync(join(folder, "package.json"))));
    return isObject(found) ? soundPackage(found) : undefined;
  } catch {
    return undefined;
  }
}

function soundPackage(found: object): PackageManifest {
  const fields = Object.fromEntries(
    Object.entries(found).map(([name, value]: [string, unknown]) => [
      name,
      WITH_COMMENTS.has(name) && isObject(value) ? textsOf(value) : value,
    ]),
  );
  for (const name of unsoundFields(fields, FIELDS)) Reflect.deleteProperty(fields, name);
  return fields;
}

/** Without a prototype: "constructor" is the name of no script that nobody wrote. */
function textsOf(value: object): Readonly<Record<string, string>> {
  const texts: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, text] of Object.entries(value)) if (isText(text)) texts[name] = text;
  return texts;
}

/** The folder of the workspace that the folder is a member of; the folder itself where there is none. */
export async function workspaceRoot(folder: string): Promise<string> {
  for (let above = dirname(folder); dirname(above) !== above; above = dirname(above)) {
    const patterns = await memberPatterns(above);
    const path = relative(above, folder).split(sep).join("/");
    if (patterns.some((pattern) => asExpression(pattern).test(path))) return above;
  }
  return folder;
}

/** The members of a workspace, relative with "/", in order; none where the folder is no workspace. */
export async function workspaceMembers(root: string): Promise<string[]> {
  const patterns = (await memberPatterns(root)).map(asExpression);
  return patterns.length === 0 ? [] : below(root, "", patterns);
}

const DEEPEST_MEMBER = 4;

async function below(root: string, prefix: string, patterns: readonly RegExp[]): Promise<string[]> {
  if (prefix.split("/").length > DEEPEST_MEMBER) return [];
  const found: string[] = [];
  const entries = await readdir(join(root, prefix), { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory()).sort(byName)) {
    if (name === "node_modules" || name.startsWith(".") || name.startsWith("_target")) continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const isMember = patterns.some((pattern) => pattern.test(path));
    if (isMember && existsSync(join(root, path, "package.json"))) found.push(path);
    else found.push(...(await below(root, path, patterns)));
  }
  return found;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** https://pnpm.io/pnpm-workspace_yaml keeps its list in a file of its own. */
async function memberPatterns(root: string): Promise<string[]> {
  const workspaces = readPackage(root)?.workspaces;
  const listed = Array.isArray(workspaces)
    ? (workspaces as readonly string[])
    : ((workspaces as { readonly packages?: readonly string[] } | undefined)?.packages ?? []);
  if (listed.length > 0) return [...listed];
  const yaml = await readFile(join(root, "pnpm-workspace.yaml"), "utf8").catch(() => "");
  const [, list = ""] = /^packages:\s*\n((?:[ \t]*(?:-.*|#.*)?\n?)*)/m.exec(yaml) ?? [];
  return [...list.matchAll(/^\s*-\s*['"]?([^'"#\n]+?)['"]?\s*$/gm)].map(([, pattern = ""]) => pattern);
}

function asExpression(pattern: string): RegExp {
  const plain = pattern.replace(/^\.\//, "").replace(/\/+$/, "");
  const escaped = plain.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*\*/g, "\0").replace(/\*/g, "[^/]+").replaceAll("\0", ".+")}$`);
}
