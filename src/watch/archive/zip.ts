import { getFileNameLowLevel, openPromise, type Entry } from "yauzl";
import { tooMany } from "./entry-check.ts";
import { unsafe } from "./entry-path.ts";
import { damaged, type EntryTaker } from "./unpacking.ts";

const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;
/** Stored and deflated: what yauzl reads. */
const METHODS = new Set([0, 8]);
const OWNER_EXECUTES = 0o100;

/** Names with backslashes, as old .NET wrote them, come as "/". Rejects with ARCHIVE_UNSAFE or what yauzl says. */
export async function readZip(archive: string, taker: EntryTaker, signal: AbortSignal): Promise<void> {
  const zip = await openPromise(archive, {
    lazyEntries: true,
    autoClose: false,
    decodeStrings: false,
  });
  try {
    if (zip.entryCount > taker.entriesAllowed) throw tooMany(taker.entriesAllowed);
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      const name = nameOf(entry);
      const mode = unixMode(entry);
      const isFolder = name.endsWith("/");
      if (isLinkOrDevice(mode, isFolder)) throw unsafe(name, "is a link or a device");
      if (entry.isEncrypted()) throw damaged(`${name} is encrypted`);
      if (!METHODS.has(entry.compressionMethod))
        throw damaged(`${name} is compressed in a way that is unknown here`);
      if (isFolder && entry.uncompressedSize > 0) throw unsafe(name, "is a folder with content");
      if (isFolder) await taker.folder(name);
      else {
        const executable = (mode & OWNER_EXECUTES) !== 0;
        const content = (): Promise<AsyncIterable<Uint8Array>> => zip.openReadStreamPromise(entry);
        await taker.file(name, content, { executable, crc: entry.crc32 });
      }
    }
  } finally {
    zip.close();
  }
}

/** Not yauzl's own check of names, since Unpacking judges them, as it does those of other archives. */
function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
}

/** APPNOTE.TXT 4.4.15 and Info-ZIP: the upper 16 bits are the mode where a Unix system wrote the entry, else 0. */
function unixMode(entry: Entry): number {
  return entry.externalFileAttributes >>> 16;
}

function isLinkOrDevice(mode: number, isFolder: boolean): boolean {
  const type = mode & FILE_TYPE;
  return type !== 0 && type !== (isFolder ? FOLDER : REGULAR_FILE);
}
