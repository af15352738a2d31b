import { equal } from "node:assert/strict";
import { test } from "node:test";
import { BodyScanner } from "#src/platform/http1/body.js";
import { CHUNKED } from "#src/platform/http1/syntax.js";

const SOUND = ["5", "0005", "5 \t", "5;a", "5;a=b", '5;a="b;\\"c"', "5;a=b;c"];
/** What a stricter reader refuses half-way through a body that was passed on already. */
const UNSOUND = ["5;", "5; a", "5 ;a", "5;a=", '5;a="b', '5;"a"', "5;a\x80", "5;a=b;", "5;a==b", "5\xa0"];

test("a chunk's size line is taken where every reader takes it, and refused where some do not", () => {
  for (const line of SOUND) equal(isTaken(line), true, line);
  for (const line of UNSOUND) equal(isTaken(line), false, line);
});

function isTaken(line: string): boolean {
  const bytes = Buffer.from(`${line}\r\nhello\r\n0\r\n\r\n`, "latin1");
  return new BodyScanner(CHUNKED).scan(bytes, 0) === bytes.length;
}
