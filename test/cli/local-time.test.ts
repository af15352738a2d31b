import assert from "node:assert/strict";
import { test } from "node:test";
import { localTime } from "#src/cli/local-time.js";

test("times are shown in the zone of who reads them, and with it", (t) => {
  const before = process.env["TZ"];
  t.after(() => {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  });
  for (const [zone, iso, shown] of [
    ["Europe/Berlin", "2026-11-30T06:12:03.456Z", "2026-11-30 07:12:03 +01:00"],
    ["America/New_York", "2026-07-01T02:00:00.000Z", "2026-06-30 22:00:00 -04:00"],
    ["America/St_Johns", "2026-01-01T00:00:00.000Z", "2025-12-31 20:30:00 -03:30"],
    ["Asia/Kolkata", "2026-01-01T00:00:00.000Z", "2026-01-01 05:30:00 +05:30"],
    ["UTC", "2026-01-01T00:00:00.000Z", "2026-01-01 00:00:00 +00:00"],
    ["UTC", "no time", "no time"],
  ] as const) {
    process.env["TZ"] = zone;
    assert.equal(localTime(iso), shown, zone);
  }
});
