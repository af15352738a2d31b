import { crc32, deflateRawSync, gzipSync } from "node:zlib";

/** An entry as an archive states it, true or not. */
export interface Entry {
  readonly name: string;
  readonly content?: string | Buffer;
  /** With the type's bits: 0o100644 a file, 0o40755 a folder, 0o120777 a link. Default: by the name's last character. */
  readonly mode?: number;
  /** zip only. Default: the true one. */
  readonly crc?: number;
  /** zip only: the size that the archive states. Default: the true one. */
  readonly size?: number;
  /** zip only: the method that the archive states. Default: deflated. */
  readonly method?: number;
  /** zip only: it says that it is encrypted. */
  readonly encrypted?: boolean;
  /** tar only. Default: "0", or "5" for a folder. */
  readonly type?: string;
  readonly link?: string;
}

const UTF8_NAMES = 0x800;
const DEFLATED = 8;
const MADE_BY_UNIX = 0x0300;

/** APPNOTE.TXT 4.3: local header and content per entry, central directory, end record. */
export function zip(entries: readonly Entry[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? "");
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(UTF8_NAMES | (entry.encrypted === true ? 1 : 0), 2);
    common.writeUInt16LE(entry.method ?? DEFLATED, 4);
    common.writeUInt32LE(entry.crc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.size ?? content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(MADE_BY_UNIX, 4);
    common.copy(header, 6);
    header.writeUInt32LE((modeOf(entry) << 16) >>> 0, 38);
    header.writeUInt32LE(offset, 42);
    central.push(header, name);
    const piece = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), common, name, packed]);
    local.push(piece);
    offset += piece.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

/** https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html: ustar blocks of 512 bytes. */
export function tarGz(entries: readonly Entry[]): Buffer {
  const blocks = entries.map((entry) => {
    const content = Buffer.from(entry.content ?? "");
    const header = Buffer.alloc(512);
    header.write(entry.name, 0, 100);
    header.write(octal(modeOf(entry) & 0o7777, 7), 100);
    header.write(octal(content.length, 11), 124);
    header.write(octal(0, 11), 136);
    header.write(" ".repeat(8), 148);
    header.write(entry.type ?? (entry.name.endsWith("/") ? "5" : "0"), 156);
    header.write(entry.link ?? "", 157);
    header.write("ustar\u000000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${octal(sum, 6)}\0 `, 148);
    return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function modeOf({ name, mode }: Entry): number {
  return mode ?? (name.endsWith("/") ? 0o40755 : 0o100644);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
