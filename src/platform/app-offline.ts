import { open } from "node:fs/promises";
import { encodingOf } from "../decode-text.ts";
import { systemCode } from "../errors.ts";
import { spellingsOf } from "../site/windows-names.ts";
import type { Failure } from "./failure.ts";
import { settled } from "./file-watch.ts";

/** More of the page is not read. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding */
const META_WITHIN_BYTES = 1024;
const META_CHARSET = /<meta[^>]+charset\s*=\s*["']?([\w:-]+)/i;
const FALLBACK = "windows-1252";

/** The answer while app_offline.htm is there, in whatever case; undefined where it is not. One that stays locked is there, with an empty page. */
export async function readAppOffline(path: string): Promise<Failure | undefined> {
  const missing = (error: unknown): boolean => systemCode(error) === "ENOENT";
  try {
    return offline(await settled(() => readPage(spellingsOf(path)[0] ?? path), missing));
  } catch (error) {
    return missing(error) ? undefined : offline("");
  }
}

async function readPage(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min((await file.stat()).size, MAX_PAGE_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return pageText(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** The page as a browser reads it: by its byte order mark, as UTF-8, by its own `<meta charset>`, as Windows' Latin-1. */
function pageText(bytes: Buffer): string {
  // What is cut at the end is no fault.
  const decode = (encoding: string, fatal: boolean): string =>
    new TextDecoder(encoding, { fatal }).decode(bytes, { stream: true });
  try {
    return decode(encodingOf(bytes), true);
  } catch {
    const [, named = FALLBACK] = META_CHARSET.exec(bytes.toString("latin1", 0, META_WITHIN_BYTES)) ?? [];
    try {
      return decode(named, false);
    } catch {
      return decode(FALLBACK, false);
    }
  }
}

function offline(page: string): Failure {
  return { status: 503, substatus: 0, reason: "The application is offline.", page };
}
