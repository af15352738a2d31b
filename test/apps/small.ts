// The small apps of the matrix as tests, for CI: npm run test:apps -- --ci
import assert from "node:assert/strict";
import { test } from "node:test";
import { FRONTS } from "./app.ts";
import { APPS } from "./catalogue/index.ts";
import { runApp } from "./matrix.ts";
import { passed, type Result } from "./results.ts";

test("small apps are replaced under load without a loss", { concurrency: 2 }, async (t) => {
  const tests = APPS.filter(({ ci }) => ci === true).map((app) =>
    t.test(`${app.name}: four swaps behind serve and supervise lose nothing`, async () => {
      const results: Result[] = [];
      await runApp(app, undefined, async (result) => void results.push(result));
      assert.deepEqual(
        results.filter((result) => !passed(result)),
        [],
      );
      assert.equal(results.length, (app.fronts ?? FRONTS).length);
    }),
  );
  await Promise.all(tests);
});
