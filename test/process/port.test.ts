import assert from "node:assert/strict";
import { test } from "node:test";
import { PORT_FROM } from "#src/process/port.js";

test("no process of an app is given a port at which it could not ask itself: fetch() refuses some, the last right below", async () => {
  await assert.rejects(fetch(`http://127.0.0.1:${PORT_FROM - 1}/`), { cause: new Error("bad port") });
});
