/**
 * The text of a file that a person may have written, on whatever system: UTF-8, or UTF-16, as PowerShell's `>` and
 * Notepad's "Unicode" write it with a byte order mark, which is no part of the text, and `cmd /u` without one.
 */
export function decodeText(bytes: Uint8Array): string {
  return decodeAs(encodingOf(bytes), bytes);
}

/** Without the Ctrl+Z at its end, by which DOS told where a text ends and some programs still do. Throws RangeError for an unknown encoding. */
export function decodeAs(encoding: string, bytes: Uint8Array): string {
  const text = new TextDecoder(encoding).decode(bytes);
  return text.endsWith("\u001a") ? text.slice(0, -1) : text;
}

/** By the byte order mark, or by a first character whose other byte is zero, which no text in UTF-8 has; else UTF-8. */
export function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return "utf-8";
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return "utf-8";
}
