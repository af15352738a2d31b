import { open } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import type { Failure } from "./failure.ts";

/** More of the page is not read. */
const MAX_PAGE_BYTES = 1024 * 1024;

/** The answer while app_offline.htm is there; undefined where it is not. One that is locked is there, with an empty page. */
export async function readAppOffline(path: string): Promise<Failure | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const buffer = Buffer.alloc(Math.min((await file.stat()).size, MAX_PAGE_BYTES));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return offline(buffer.toString("utf8", 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    return systemCode(error) === "ENOENT" ? undefined : offline("");
  }
}

function offline(page: string): Failure {
  return { status: 503, substatus: 0, reason: "The application is offline.", page };
}
