import { createReadStream } from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { unsafe } from "./entry-path.ts";
import type { EntryTaker } from "./unpacking.ts";

const OWNER_EXECUTES = 0o100;

/** A sparse file in the words of PAX headers: what follows is its map and its data, and not its content. */
const SPARSE = /^\d+ GNU\.sparse\./m;
const SPARSE_NAME = /^\d+ GNU\.sparse\.name=(.*)$/m;
const SPARSE_IS = "is a sparse file";

/** Rejects with ARCHIVE_UNSAFE, or with what gzip and tar say of a damaged archive. */
export async function readTarGz(archive: string, taker: EntryTaker, signal: AbortSignal): Promise<void> {
  const parser = new Parser({ strict: true });
  let ended = (): void => {};
  const entries = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (parser.write(chunk)) done();
      else parser.once("drain", () => done());
    },
    final(done) {
      ended = () => done();
      parser.end();
    },
  });
  parser.on("error", (error: Error) => entries.destroy(error));
  parser.on("end", () => ended());
  // What the parser does not know it leaves out.
  parser.on("ignoredEntry", (entry: ReadEntry) => {
    entries.destroy(unsafe(entry.path, `is of a kind that is not unpacked (${entry.type})`));
  });
  parser.on("meta", (text: string) => {
    if (SPARSE.test(text)) entries.destroy(unsafe(SPARSE_NAME.exec(text)?.[1] ?? "", SPARSE_IS));
  });
  const open = new Map<ReadEntry, Promise<void>>();
  parser.on("entry", (entry: ReadEntry) => {
    entry.on("error", () => undefined); // Whoever reads it is told as well.
    const written = give(entry, taker);
    open.set(entry, written);
    written.then(
      () => open.delete(entry),
      // The parser would wait for a failed entry for ever: what feeds it ends here.
      (error: unknown) => entries.destroy(error as Error),
    );
  });
  try {
    await pipeline(createReadStream(archive), createGunzip(), entries, { signal });
    await Promise.all(open.values());
  } catch (error) {
    // Where the archive ends in the middle of an entry, that entry never ends.
    for (const entry of open.keys()) entry.destroy(error);
    await Promise.allSettled(open.values());
    throw error;
  }
}

async function give(entry: ReadEntry, taker: EntryTaker): Promise<void> {
  switch (entry.type) {
    case "File":
    case "OldFile":
    case "ContiguousFile": {
      const executable = ((entry.mode ?? 0) & OWNER_EXECUTES) !== 0;
      await taker.file(entry.path, () => Promise.resolve(entry), { executable, size: entry.size });
      entry.resume();
      return;
    }
    case "Directory":
      await taker.folder(entry.path);
      entry.resume();
      return;
    default:
      throw unsafe(entry.path, "is a link or a device, or of another kind that is not unpacked");
  }
}
