import { createWriteStream, type WriteStream } from "node:fs";
import type { RequestHead } from "./http1/request-head.ts";

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

/** Requests, a line each, appended to one file. A log that cannot be written never stops a request. */
export class AccessLog {
  readonly #stream: WriteStream;
  readonly #line: (record: AccessRecord) => string;
  #broken = false;

  constructor(path: string, format: AccessLogFormat, failed: (error: Error) => void) {
    this.#line = format === "json" ? jsonLine : w3cLine;
    this.#stream = createWriteStream(path, { flags: "a" });
    this.#stream.on("error", (error) => {
      if (!this.#broken) failed(error);
      this.#broken = true;
    });
    if (format === "w3c") {
      const now = stamp(new Date());
      this.#stream.write(`#Software: inplace-deploy\n#Version: 1.0\n#Date: ${now}\n#Fields: ${W3C_FIELDS}\n`);
    }
  }

  write(record: AccessRecord): void {
    if (!this.#broken) this.#stream.write(this.#line(record));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#broken) resolve();
      else this.#stream.end(() => resolve());
    });
  }
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
  return `${JSON.stringify({
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

/** Blanks separate the columns, so IIS writes them as "+"; the parser has let no control character through but tabs. */
function w3cText(text: string): string {
  return text === "" ? "-" : text.replace(/[\t ]/g, "+");
}

function stamp(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

function fieldOf(head: RequestHead, name: string): string {
  const match = new RegExp(`^${name}:[\\t ]*(.*?)[\\t ]*\\r?$`, "im").exec(head.fields);
  return match?.[1] ?? "";
}
