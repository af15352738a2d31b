import { fileURLToPath } from "node:url";

/** From the bundle of the command to the package; the bundler sets it. */
declare const PACKAGE_FROM_BUNDLE: string | undefined;

const FROM_HERE = typeof PACKAGE_FROM_BUNDLE === "string" ? PACKAGE_FROM_BUNDLE : "../";
const PACKAGE = new URL(FROM_HERE, import.meta.url);

/** The absolute path of a file of this package, which is named by its path in there, with "/". */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(path, PACKAGE));
}
