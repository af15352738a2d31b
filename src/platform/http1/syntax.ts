/** RFC 9110 section 5.6.2: the characters of a token. */
export const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";

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

const TOKENS = new RegExp(`^${TOKEN}$`);
const PROTOCOL = new RegExp(`^(${TOKEN})(?:/${TOKEN})?$`);

/** Without the blanks and tabs around it; `trim` would take other bytes for blanks too, such as 0xA0. */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The tokens of a comma list, in lower case, without empties; undefined where a member is no token. */
export function listMembers(value: string): string[] | undefined {
  const members = value
    .split(",")
    .map(trimBlanks)
    .filter((member) => member !== "");
  return members.every((member) => TOKENS.test(member))
    ? members.map((member) => member.toLowerCase())
    : undefined;
}

/** The names in an Upgrade field, in lower case, without versions; undefined where it is no list of protocols. */
export function protocolNames(value: string): string[] | undefined {
  const names: string[] = [];
  for (const member of value.split(",").map(trimBlanks)) {
    const name = PROTOCOL.exec(member)?.[1];
    if (name === undefined) return undefined;
    names.push(name.toLowerCase());
  }
  return names;
}

/** The framing fields of a message, written anew, so that everybody further on reads what was read here. */
export function framingFields(length: number | undefined, chunked: boolean): string {
  if (chunked) return "Transfer-Encoding: chunked\r\n";
  return length === undefined ? "" : `Content-Length: ${length}\r\n`;
}
