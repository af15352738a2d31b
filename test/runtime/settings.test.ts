import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "#src/runtime/settings.js";

test("INPLACE_SIGNALS: those with a minus do nothing, whatever else is named, and alone they take no other away", () => {
  const settings = (value: string | undefined): readonly (readonly string[])[] => {
    const { signals, ignoredSignals } = readSettings({ INPLACE_SIGNALS: value });
    return [signals, ignoredSignals];
  };
  const [usual = []] = settings(undefined);
  assert.ok(usual.includes("SIGTERM"));
  assert.deepEqual(settings("-SIGHUP"), [usual, ["SIGHUP"]]);
  assert.deepEqual(settings(" SIGTERM,SIGHUP,-SIGHUP"), [["SIGTERM"], ["SIGHUP"]]);
  assert.deepEqual(settings("none"), [[], []]);
  assert.deepEqual(settings("none,-SIGHUP"), [[], ["SIGHUP"]]);
  assert.deepEqual(settings(""), [usual, []]);
});
