/** RFC 9110 section 5.6.2: the characters of a token. */
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";

/** One field line after another, each ended by CRLF: no obs-fold, no bare CR or LF, no blank before the colon (RFC 9112 section 5). */
export const FIELD_LINES = new RegExp(`^(?:${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*$`);
/** RFC 9112 section 3; the target holds no control character and no blank. */
export const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e\\x80-\\xff]+) HTTP/(\\d)\\.(\\d)$`);
export const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** A host with optional port; what else could stand in Host confuses somebody further on. */
export const HOST = /^(?:[A-Za-z0-9._~%!$&'()*+;=-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
export const DIGITS = /^\d{1,15}$/;

/** How the end of a message's body is known. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** A response only: it ends with the connection. */
  | { readonly kind: "close" };

export const NO_BODY: Framing = { kind: "none" };
export const CHUNKED: Framing = { kind: "chunked" };
export const UNTIL_CLOSE: Framing = { kind: "close" };

/** Members of a comma list, in lower case, without blanks and empties. */
export function listMembers(value: string): string[] {
  return value
    .toLowerCase()
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}
