import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InplaceError } from "../errors.ts";
import { namesIn } from "./present.ts";
import { openPlain } from "./records.ts";

/** What a launcher knows how to start by the end of its name; docs/launchers.md has the table. */
const BY_NAME = process.platform === "win32" ? /\.([cm]?js|exe|com|cmd|bat)$/i : /\.([cm]?js|sh)$/i;
const BATCH_FILE = /\.(cmd|bat)$/i;
const MACH_O: ReadonlySet<string> = new Set(["feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe"]);
const MAGIC_BYTES = 4;
const ELF = "7f454c46";
/** https://man7.org/linux/man-pages/man5/elf.5.html: the type is in bytes 16 and 17, in the order that byte 5 tells. */
const HEADER_BYTES = 18;
const BIG_ENDIAN = 2;
const EXECUTABLE_TYPES: ReadonlySet<number> = new Set([2, 3]);
/** https://docs.kernel.org/admin-guide/binfmt-misc.html: what else Linux starts, such as Windows programs by Wine. */
const OTHER_FORMATS = "/proc/sys/fs/binfmt_misc";

/**
 * Throws NOT_A_PROGRAM for what no launcher of this system starts: text without "#!" would be read by a shell, line by line.
 * Throws what the file system throws.
 */
export async function expectProgram(file: string): Promise<void> {
  const why = await whyNoProgram(file);
  if (why !== undefined) throw new InplaceError("NOT_A_PROGRAM", `${file} ${why}.`);
}

async function whyNoProgram(file: string): Promise<string | undefined> {
  if (BY_NAME.test(file)) return undefined;
  if (process.platform === "win32")
    return "has no extension that Windows starts: .exe, .com, .cmd, .bat or .mjs, .js, .cjs";
  if (BATCH_FILE.test(file)) return "is a Windows batch file";
  const header = await firstBytes(file);
  const magic = header.toString("hex", 0, Math.min(MAGIC_BYTES, header.length));
  const isMac = process.platform === "darwin";
  if (magic === "") return "is empty";
  if (magic.startsWith("2321")) return undefined;
  if (magic === ELF) return isMac ? "is a program for another system" : whyNotExecutable(header);
  if (MACH_O.has(magic)) return isMac ? undefined : "is a program for another system";
  if (magic.startsWith("4d5a"))
    return (await startsWindowsPrograms()) ? undefined : "is a program for Windows";
  return "is no program: neither .mjs, .js, .cjs or .sh, nor does it begin with #! or as a program of this system does";
}

function whyNotExecutable(header: Buffer): string | undefined {
  if (header.length < HEADER_BYTES) return "is cut short";
  const type = header[5] === BIG_ENDIAN ? header.readUInt16BE(16) : header.readUInt16LE(16);
  return EXECUTABLE_TYPES.has(type)
    ? undefined
    : "is no program, but an object file, a module or a core dump";
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await openPlain(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** launch.sh asks the same. */
async function startsWindowsPrograms(): Promise<boolean> {
  const names = await namesIn(OTHER_FORMATS).catch(() => []); // A system without such formats.
  const formats = names.map((name) => readFile(join(OTHER_FORMATS, name), "utf8").catch(() => "")); // The one to register with.
  return (await Promise.all(formats)).some((format) => /^(magic 4d5a|extension \.exe)$/im.test(format));
}
