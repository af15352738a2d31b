import { rename, rm } from "node:fs/promises";
import { printable, printableJson } from "../printable.ts";
import type { RequestHead } from "./http1/request-head.ts";
import { trimBlanks } from "./http1/syntax.ts";
import { LogFile, type LogFileOptions } from "./log-file.ts";

export const ACCESS_LOG_FORMATS = ["w3c", "json"] as const;
export type AccessLogFormat = (typeof ACCESS_LOG_FORMATS)[number];

/** What is written of one request. */
export interface AccessRecord {
  readonly at: Date;
  readonly head: RequestHead;
  /** The client's address, without port. */
  readonly client: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** 0: the client went away before there was one. */
  readonly status: number;
  readonly substatus: number;
  /** The connection was cut before the response was complete. */
  readonly cut: boolean;
  /** Response bytes, head included. */
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly site: string | undefined;
  /** What answered, or what the request was sent to last. */
  readonly artifact: string | undefined;
}

/** IIS's own columns in IIS's own order, and two of ours. */
const W3C_FIELDS =
  "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) " +
  "sc-status sc-substatus sc-win32-status sc-bytes time-taken x-site x-artifact";

/** ERROR_NETNAME_DELETED: what IIS writes where the client or the backend broke the connection. */
const WIN32_CUT = 64;

/** A file of the access log: IIS begins another one every day, however large. */
export const ACCESS_LOG_MAX_BYTES = 100 * 1024 * 1024;
/** So many files are kept: PATH, PATH.1 (the one before), PATH.2 … */
export const ACCESS_LOG_MAX_FILES = 10;

export interface AccessLogOptions extends Pick<LogFileOptions, "dropped" | "failed"> {
  readonly path: string;
  readonly format: AccessLogFormat;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
}

/** Requests, a line each, appended to a file. A log that cannot be written never stops a request. */
export class AccessLog {
  readonly #file: LogFile;
  readonly #line: (record: AccessRecord) => string;

  constructor(options: AccessLogOptions) {
    const { path, format, maxFiles = ACCESS_LOG_MAX_FILES } = options;
    this.#line = format === "json" ? jsonLine : w3cLine;
    let first = true;
    this.#file = new LogFile({
      maxBytes: options.maxBytes ?? ACCESS_LOG_MAX_BYTES,
      next: async () => {
        if (!first) await moveOn(path, maxFiles);
        first = false;
        return path;
      },
      ...(format === "w3c" ? { head: w3cHead } : {}),
      dropped: options.dropped,
      failed: options.failed,
    });
  }

  write(record: AccessRecord): void {
    this.#file.write(this.#line(record));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** PATH becomes PATH.1, PATH.1 becomes PATH.2, and the last one goes. */
async function moveOn(path: string, maxFiles: number): Promise<void> {
  await rm(maxFiles > 1 ? `${path}.${maxFiles - 1}` : path, { force: true });
  for (let n = maxFiles - 1; n > 0; n -= 1) {
    // Not there yet; or, on Windows, open in a program that reads it: then it goes on growing.
    await rename(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`).catch(() => undefined);
  }
}

function w3cHead(): string {
  const now = stamp(new Date());
  return `#Software: inplace-deploy\n#Version: 1.0\n#Date: ${now}\n#Fields: ${W3C_FIELDS}\n`;
}

function w3cLine(record: AccessRecord): string {
  const { head } = record;
  const [stem, query] = split(head.target);
  const columns = [
    stamp(record.at),
    record.localAddress,
    head.method,
    stem,
    query,
    record.localPort,
    "-",
    record.client,
    fieldOf(head, "user-agent"),
    fieldOf(head, "referer"),
    record.status,
    record.substatus,
    record.cut ? WIN32_CUT : 0,
    record.bytes,
    record.elapsedMs,
    record.site ?? "",
    record.artifact ?? "",
  ];
  return `${columns.map((column, index) => (index === 0 ? column : w3cText(String(column)))).join(" ")}\n`;
}

function jsonLine(record: AccessRecord): string {
  const { head, at, site, artifact } = record;
  return `${printableJson({
    at: at.toISOString(),
    ...(site === undefined ? {} : { site }),
    client: record.client,
    method: head.method,
    host: head.host,
    target: head.target,
    status: record.status,
    substatus: record.substatus,
    cut: record.cut,
    bytes: record.bytes,
    elapsedMs: record.elapsedMs,
    userAgent: fieldOf(head, "user-agent"),
    referer: fieldOf(head, "referer"),
    ...(artifact === undefined ? {} : { artifact }),
  })}\n`;
}

function split(target: string): readonly [string, string] {
  const at = target.indexOf("?");
  return at === -1 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

/** Blanks separate the columns, so IIS writes them as "+"; the parser has let no ASCII control character through but tabs. */
function w3cText(text: string): string {
  return text === "" ? "-" : printable(text.replace(/[\t ]/g, "+"));
}

function stamp(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

/** The first of that name; `name` in lower case. */
function fieldOf({ fields }: RequestHead, name: string): string {
  for (let start = 0; start < fields.length;) {
    const next = fields.indexOf("\r\n", start) + 2;
    const colon = start + name.length;
    if (fields[colon] === ":" && fields.slice(start, colon).toLowerCase() === name)
      return trimBlanks(fields.slice(colon + 1, next - 2));
    start = next;
  }
  return "";
}
