import { InplaceError } from "../../errors.ts";

const LONGEST_PART = 200;
const DEEPEST = 40;
// What Windows forbids in names, control characters, and the backslash that it takes for a separator.
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f<>:"|?*\\]/;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i;

/** The parts of an entry's path, each a name that means the same file on every system. Throws ARCHIVE_UNSAFE. */
export function entryParts(path: string): readonly string[] {
  const parts = path.replace(/\/$/, "").split("/");
  if (parts[0] === ".") parts.shift(); // tar writes "./" before everything.
  if (parts.length > DEEPEST) throw unsafe(path, "lies too deep");
  for (const part of parts) {
    if (part === "" || part === "." || part === "..") throw unsafe(path, "leads out of the archive");
    if (FORBIDDEN.test(part)) throw unsafe(path, "holds a character that file names on Windows cannot");
    if (/[. ]$/.test(part)) throw unsafe(path, "ends in a dot or a blank, which Windows drops");
    if (WINDOWS_DEVICE.test(part)) throw unsafe(path, "is the name of a device on Windows");
    if (part.length > LONGEST_PART) throw unsafe(path, "is too long");
  }
  return parts;
}

/** Equal for paths that are one file where case or the composition of letters makes no difference. */
export function foldedPath(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

export function unsafe(path: string, why: string): InplaceError {
  const shown = JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
  return new InplaceError("ARCHIVE_UNSAFE", `The archive's entry ${shown} ${why}.`);
}
