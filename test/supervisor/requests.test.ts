import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { parseRequest } from "#src/supervisor/requests.js";

const UNKNOWN = [
  "",
  "status",
  "null",
  "[]",
  "{}",
  '{"ask":"odd"}',
  '{"ask":"__proto__"}',
  '{"ask":"wait"}',
  '{"ask":"wait","artifact":5}',
  '{"ask":"rollback","artifact":"a"}',
  '{"ask":"rollback","artifact":"a","force":"yes","waitMs":0}',
  '{"ask":"rollback","artifact":"a","from":1,"force":true,"waitMs":0}',
];

test("what comes on the control socket is a request with all that belongs to it, or refused with a code", () => {
  for (const line of UNKNOWN) throws(() => parseRequest(line), { code: "USAGE" }, line);
  deepEqual(parseRequest('{"ask":"status","more":1}'), { ask: "status" });
  deepEqual(parseRequest('{"ask":"wait","artifact":"a"}'), { ask: "wait", artifact: "a" });
  const rollback = { ask: "rollback", artifact: "a", from: undefined, force: false, waitMs: 5 };
  deepEqual(parseRequest(JSON.stringify(rollback)), rollback);
});
