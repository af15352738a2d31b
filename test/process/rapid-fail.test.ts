import { equal } from "node:assert/strict";
import { test } from "node:test";
import { RapidFailGuard } from "#src/process/rapid-fail.js";

test("more failures than the limit within a minute block until that minute is over", () => {
  let now = 0;
  const guard = new RapidFailGuard(2, () => now);
  guard.record();
  guard.record();
  equal(guard.blockedForMs(), 0);
  now = 20_000;
  guard.record();
  equal(guard.blockedForMs(), 40_000);
  now = 59_999;
  equal(guard.blockedForMs(), 1);
  now = 60_000;
  equal(guard.blockedForMs(), 0);
});

test("the minutes tumble: failures on both sides of a boundary do not add up", () => {
  let now = 50_000;
  const guard = new RapidFailGuard(1, () => now);
  guard.record();
  now = 115_000;
  guard.record();
  equal(guard.blockedForMs(), 0);
});
