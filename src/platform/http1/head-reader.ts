import { MAX_HEAD_BYTES, parseRequestHead, type Refusal, type RequestHead } from "./request-head.ts";

const HEAD_END = Buffer.from("\r\n\r\n");

export type HeadRead =
  | { readonly kind: "whole"; readonly head: RequestHead; readonly rest: Buffer | undefined }
  /** More has to come; give it with what is `seen` before it. */
  | { readonly kind: "part"; readonly seen: Buffer }
  | Refusal;

/** Takes a request's head from the bytes that a client has sent so far. */
export function readHead(buffer: Buffer): HeadRead {
  const start = leadingLineEnds(buffer);
  const end = buffer.indexOf(HEAD_END, start);
  if (end === -1) return partOf(start === 0 ? buffer : buffer.subarray(start));
  if (end + 4 - start > MAX_HEAD_BYTES) return TOO_LARGE;
  const head = parseRequestHead(buffer.toString("latin1", start, end + 2));
  if (head.kind === "refused") return head;
  return { kind: "whole", head, rest: end + 4 < buffer.length ? buffer.subarray(end + 4) : undefined };
}

function partOf(seen: Buffer): HeadRead {
  if (seen.length > MAX_HEAD_BYTES) return TOO_LARGE;
  return hasBareLineFeed(seen) ? BARE_LINE_FEED : { kind: "part", seen };
}

const TOO_LARGE: Refusal = {
  kind: "refused",
  status: 431,
  reason: `The request head is larger than ${MAX_HEAD_BYTES} bytes.`,
};

const BARE_LINE_FEED: Refusal = { kind: "refused", status: 400, reason: "A line does not end with CRLF." };

/** Line ends before a request line are passed over (RFC 9112 section 2.2). */
function leadingLineEnds(buffer: Buffer): number {
  let at = 0;
  while (buffer[at] === 0x0d && buffer[at + 1] === 0x0a) at += 2;
  return at;
}

function hasBareLineFeed(buffer: Buffer): boolean {
  for (let at = buffer.indexOf(0x0a); at !== -1; at = buffer.indexOf(0x0a, at + 1)) {
    if (buffer[at - 1] !== 0x0d) return true;
  }
  return false;
}
