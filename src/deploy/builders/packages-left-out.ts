import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readPackage } from "../workspace.ts";
import type { BuildWarning } from "./builder.ts";

/** They look for their package's addon when it is loaded, so that no bundle has it. */
const ADDON_LOADERS: ReadonlySet<string> = new Set([
  "bindings",
  "node-gyp-build",
  "node-pre-gyp",
  "@mapbox/node-pre-gyp",
]);
const IN_PACKAGE = /^(.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+))[\\/]/;
const HINT =
  'Deploy the whole app with its packages: "builder": "directory", "directory": ".", "start": what npm start runs (inplace-deploy init --force proposes it).';

/**
 * Packages that a bundle needs and does not hold: those that are loaded by a name that the program makes up or passes on, as
 * Express does with view engines, and those whose addon is looked for at run time. From the files that were bundled, and the
 * bundle's text.
 */
export function packagesLeftOut(
  source: string,
  inputs: readonly string[],
  text: string,
): readonly BuildWarning[] {
  const bundled = packagesOf(inputs);
  const warnings: BuildWarning[] = [];
  const named = dependenciesOf(source).filter((name) => !bundled.has(name) && isNamed(text, name));
  if (named.length > 0)
    warnings.push({
      message: `${named.join(", ")}: loaded by name when the app runs, so not part of the bundle; a host without the app's node_modules does not find it`,
      hint: HINT,
    });
  const withAddon = [...bundled]
    .filter(([name, folder]) => needsAddon(name, folder, bundled))
    .map(([name]) => name);
  if (withAddon.length > 0)
    warnings.push({
      message: `${withAddon.join(", ")}: looks for its native addon when the app runs, so that is not part of the bundle`,
      hint: HINT,
    });
  return warnings;
}

/** Name → folder. */
function packagesOf(inputs: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of inputs) {
    const [, folder, name] = IN_PACKAGE.exec(path) ?? [];
    if (folder !== undefined && name !== undefined) found.set(name.replaceAll("\\", "/"), folder);
  }
  return found;
}

/** Of the nearest package.json upwards. */
function dependenciesOf(source: string): string[] {
  for (let folder = source; ; folder = dirname(folder)) {
    const manifest = readPackage(folder);
    if (manifest !== undefined)
      return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    if (dirname(folder) === folder) return [];
  }
}

/** As a string of its own, and no key of an object: package.json may be part of the bundle. */
function isNamed(text: string, name: string): boolean {
  for (const quoted of [`"${name}"`, `'${name}'`]) {
    for (let at = text.indexOf(quoted); at >= 0; at = text.indexOf(quoted, at + 1)) {
      if (!/^\s*:/.test(text.slice(at + quoted.length, at + quoted.length + 4))) return true;
    }
  }
  return false;
}

function needsAddon(name: string, folder: string, bundled: ReadonlyMap<string, string>): boolean {
  if (ADDON_LOADERS.has(name)) return false;
  const manifest = readPackage(folder);
  const loads = Object.keys(manifest?.dependencies ?? {}).some(
    (other) => ADDON_LOADERS.has(other) && bundled.has(other),
  );
  if (loads) return true;
  // One package for each system: those of this one that are installed beside it, as sharp has them.
  const parts = Object.keys(manifest?.optionalDependencies ?? {});
  const installed = parts.filter((part) => existsSync(join(folder.slice(0, -name.length), part)));
  return installed.length > 0 && !installed.some((part) => bundled.has(part));
}
