import { HOP_FIELDS, isClaim, isDisguised, isModuleField } from "./field-names.ts";

/** RFC 9110 section 6.5.1: what frames, routes, modifies, authenticates or describes a message belongs in its head. */
const HEAD_ONLY: ReadonlySet<string> = new Set([
  ...HOP_FIELDS,
  "trailer",
  "max-forwards",
  "via",
  "cache-control",
  "expect",
  "pragma",
  "range",
  "authorization",
  "cookie",
  "cookie2",
  "set-cookie",
  "set-cookie2",
  "www-authenticate",
  "authentication-info",
  "age",
  "date",
  "expires",
  "location",
  "retry-after",
  "vary",
  "warning",
  "content-encoding",
  "content-type",
  "content-range",
]);
const HEAD_ONLY_START = /^(?:if-|proxy-|sec-)/;

/** Of the field lines behind a body, each ended by CRLF, those that may stand there. */
export function passableTrailers(fields: string): string {
  let passed = "";
  for (let start = 0; start < fields.length;) {
    const next = fields.indexOf("\r\n", start) + 2;
    const name = fields.slice(start, fields.indexOf(":", start)).toLowerCase();
    if (mayTrail(name)) passed += fields.slice(start, next);
    start = next;
  }
  return passed;
}

function mayTrail(name: string): boolean {
  return !(
    HEAD_ONLY.has(name) ||
    HEAD_ONLY_START.test(name) ||
    isClaim(name) ||
    isModuleField(name) ||
    isDisguised(name)
  );
}
