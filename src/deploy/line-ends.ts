import { readFile } from "node:fs/promises";

/**
 * What a script has to hold, by its name: sh takes a CR for part of a name, and cmd.exe loses labels without them. undefined
 * where it holds that already; a clone with core.autocrlf, a copy over FTP in text mode and some editors change them.
 */
export async function withItsLineEnds(path: string): Promise<Buffer | undefined> {
  const [, kind] = /\.(sh|cmd)$/i.exec(path) ?? [];
  if (kind === undefined) return undefined;
  // Byte by byte: a batch file may be in any code page.
  const text = (await readFile(path)).toString("latin1");
  const lines = text.replaceAll("\r\n", "\n");
  const mended = kind.toLowerCase() === "sh" ? lines : lines.replaceAll("\n", "\r\n");
  return mended === text ? undefined : Buffer.from(mended, "latin1");
}
