/** Why a request gets an answer from the handler itself; status and substatus as IIS writes them. */
export interface Failure {
  readonly status: number;
  readonly substatus: number;
  /** What happened, for everybody. */
  readonly reason: string;
  /** What to look at, such as the last output of the process; for clients on this machine only. */
  readonly detail?: string;
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number;
  /** Further field lines, each ended by CRLF. */
  readonly fields?: string;
  /** A whole HTML page instead of the one made from the above. */
  readonly page?: string;
}

/** For `Guarded.broken`. */
export const DEFECT: Failure = {
  status: 500,
  substatus: 0,
  reason: "The handler has a defect; its log tells more.",
};

export function bodyTooLarge(maxBytes: number): Failure {
  return { status: 413, substatus: 1, reason: `A request's body may have ${maxBytes} bytes.` };
}

/** As the request filtering of IIS answers: https://learn.microsoft.com/iis/configuration/system.webserver/security/requestfiltering/requestlimits/ */
export function contentTooLong(maxBytes: number): Failure {
  const reason = `A request's body may have ${maxBytes} bytes (maxAllowedContentLength in web.config).`;
  return { status: 404, substatus: 13, reason };
}

const LOST = { status: 502, substatus: 3 } as const;

/** The connection to the application was lost before a byte of the answer. */
export function lostConnection({
  refused,
  code,
}: {
  readonly refused: boolean;
  readonly code?: string | undefined;
}): Failure {
  const how = refused ? "could not be reached" : "closed the connection without an answer";
  return { ...LOST, reason: `The application ${how}.`, detail: code ?? "The connection ended." };
}

/** how: what the application did instead. */
export function unanswered(how: string): Failure {
  return { ...LOST, reason: `The application ${how} without an answer to this request.` };
}

export function startFailed(detail: string): Failure {
  const reason = "The application could not be started. Its log and web.config tell more.";
  return { status: 502, substatus: 5, reason, detail };
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** The whole response, a character for each byte, to be written as Latin-1. The connection closes behind it unless `keepAlive`. */
export function failureResponse(failure: Failure, options: FailureResponseOptions): string {
  const title = TITLES[failure.status] ?? "Error";
  const number = failure.substatus === 0 ? `${failure.status}` : `${failure.status}.${failure.substatus}`;
  const detail =
    options.local && failure.detail !== undefined ? `<pre>${escape(failure.detail)}</pre>\n` : "";
  const text =
    failure.page ??
    `<!doctype html>\n<meta charset="utf-8">\n<title>${number} ${title}</title>\n` +
      `<h1>${number} ${title}</h1>\n<p>${escape(failure.reason)}</p>\n${detail}`;
  const page = Buffer.from(text).toString("latin1");
  const retry = failure.retryAfter === undefined ? "" : `Retry-After: ${failure.retryAfter}\r\n`;
  return (
    `HTTP/1.1 ${failure.status} ${title}\r\nContent-Type: text/html; charset=utf-8\r\n` +
    `Content-Length: ${page.length}\r\nCache-Control: no-store\r\n${retry}${failure.fields ?? ""}` +
    `${options.keepAlive ? "" : "Connection: close\r\n"}\r\n${options.head ? "" : page}`
  );
}

export interface FailureResponseOptions {
  /** The client is on this machine. */
  readonly local: boolean;
  readonly keepAlive: boolean;
  /** The request was HEAD. */
  readonly head: boolean;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
