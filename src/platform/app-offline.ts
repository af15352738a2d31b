import { open } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import type { Failure } from "./failure.ts";
import { settled } from "./file-watch.ts";

/** More of the page is not read. */
const MAX_PAGE_BYTES = 1024 * 1024;

/** The answer while app_offline.htm is there; undefined where it is not. One that stays locked is there, with an empty page. */
export async function readAppOffline(path: string): Promise<Failure | undefined> {
  const missing = (error: unknown): boolean => systemCode(error) === "ENOENT";
  try {
    return offline(await settled(() => readPage(path), missing));
  } catch (error) {
    return missing(error) ? undefined : offline("");
  }
}

async function readPage(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min((await file.stat()).size, MAX_PAGE_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function offline(page: string): Failure {
  return { status: 503, substatus: 0, reason: "The application is offline.", page };
}
