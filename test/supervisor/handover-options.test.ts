import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { handoverOptions } from "#src/supervisor/handover-options.js";
import { fetchText } from "../runtime/launched-site.js";
import { until } from "../rig/until.js";
import { handoverSite, launched } from "./handover-site.js";
import { app, publish } from "./supervised-site.js";

test("of the options that a deploy wrote the sound ones hold, and of the others file and key are told", () => {
  for (const text of ["", "{", "null", "5", "[]", '"x"'])
    assert.deepEqual(handoverOptions(text), { config: {}, problem: "it is no JSON object" }, text);
  const sound = { health: { path: "/up", count: 2 }, front: "spliced", drainMs: 0 };
  assert.deepEqual(handoverOptions(JSON.stringify(sound)), { config: sound, problem: undefined });
  for (const workers of [0, -1, 1.5, 1e9, "x", null, [], {}])
    assert.deepEqual(handoverOptions(JSON.stringify({ ...sound, workers })), {
      config: sound,
      problem: "workers is not sound",
    });
  const odd = { workers: 2, readyMs: -5, drainMs: 1e300, probationMs: {}, front: "x", socket: "x", proof: 1 };
  assert.deepEqual(handoverOptions(JSON.stringify(odd)), {
    config: { workers: 2 },
    problem: "proof, readyMs, probationMs, drainMs, front, socket are not sound",
  });
});

test("of a health that is asked for what is sound holds; without a sound path none of it", () => {
  assert.deepEqual(handoverOptions('{"health":{"path":"/up","count":0,"status":9}}'), {
    config: { health: { path: "/up" } },
    problem: "health.status, health.count are not sound",
  });
  for (const path of ["up", "/a b", "/\n", 5, null])
    assert.deepEqual(handoverOptions(JSON.stringify({ health: { path, count: 2 } })), {
      config: {},
      problem: "health.path is not sound",
    });
  for (const health of [5, "x", [], null])
    assert.deepEqual(handoverOptions(JSON.stringify({ health })), {
      config: {},
      problem: "health is not sound",
    });
});

for (const [text, what] of [
  ["{", "it is no JSON object"],
  ['{"front":"x","readyMs":-5,"workers":1e9}', "workers, readyMs, front are not sound"],
  [" ".repeat(2_000_000), "is longer than"],
] as const) {
  test(`a site whose handover.json is ${text.slice(0, 50).trim() || "far too long"} is served by the defaults, which is said`, async (t) => {
    const layout = await handoverSite(t);
    await writeFile(layout.handover, text);
    const started = await launched(t, layout, {});
    assert.match(await fetchText(started.port), /1/);
    assert.ok(started.stderr.includes(layout.handover) && started.stderr.includes(what), started.output);
    assert.doesNotMatch(started.output, /INTERNAL/);
  });
}

test("a handover.json that gets torn while a site runs ends neither its supervisor nor the next one", async (t) => {
  const layout = await handoverSite(t);
  const started = await launched(t, layout, {});
  await writeFile(layout.handover, "{");
  await publish(layout, "app-2.mjs", app("2"));
  await until(
    () => `a successor warns: ${started.output}`,
    () => started.output.includes("it is no JSON object"),
  );
  await until("the second release", async () => /2/.test(await fetchText(started.port)));
  await until(
    () => `the successor is live: ${started.output}`,
    () => started.output.includes("has taken over"),
  );
});
