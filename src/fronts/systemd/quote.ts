import { InplaceError } from "../../errors.ts";

/** One word of ExecStart=, with specifiers and variables switched off. Throws USAGE for line breaks, which no unit can hold. */
export function quoteArgument(text: string): string {
  return `"${escape(text).replaceAll("$", "$$$$")}"`;
}

/** One path of a list (ReadWritePaths=), where "$" has no meaning. */
export function quotePath(path: string): string {
  return `"${escape(path)}"`;
}

/** NAME=value as one word of Environment=; there "$" has no meaning. */
export function quoteAssignment(name: string, value: string): string {
  return `"${name}=${escape(value)}"`;
}

/**
 * A value that takes the rest of the line as one path (WorkingDirectory=): not quoted, only specifiers count. Throws USAGE
 * also for blanks around it, which systemd drops, and for a last backslash, which makes the next line a part of it.
 */
export function plainPath(path: string): string {
  if (path !== path.trim() || path.endsWith("\\")) throw notHeld(path);
  return withoutBreaks(path).replaceAll("%", "%%");
}

// https://www.freedesktop.org/software/systemd/man/252/systemd.syntax.html#Quoting, systemd.unit.html#Specifiers
function escape(text: string): string {
  return withoutBreaks(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
}

function withoutBreaks(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) throw notHeld(text);
  return text;
}

function notHeld(text: string): InplaceError {
  return new InplaceError("USAGE", `A unit file cannot hold ${JSON.stringify(text)}.`);
}
