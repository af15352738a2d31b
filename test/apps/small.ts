// The small apps of the matrix as tests, for CI: npm run test:apps -- --ci
import assert from "node:assert/strict";
import { test } from "node:test";
import { FRONTS } from "./app.ts";
import { APPS } from "./catalogue/index.ts";
import { runApp } from "./matrix.ts";
import { installed } from "./packages.ts";
import { passed, type Result } from "./results.ts";

// They wait for probations and drains most of the time.
const AT_A_TIME = 5;
/** npm run test:apps has the default, which is most of what a good deploy takes. */
const PROBATION_MS = 2_000;
/** Deploys of a whole app with thousands of files want a processor for themselves: those are in npm run test:apps alone. */
const SMALL = APPS.filter(({ ci }) => ci === true);

test("small apps are replaced under load without a loss", { concurrency: AT_A_TIME }, async (t) => {
  // Before the first visit: what a program prints is read by this process, which an installation would hold up.
  for (const app of SMALL) if (app.packages !== undefined) await installed(app);
  // Each behind one of the fronts in turn; npm run test:apps puts all behind both.
  const tests = SMALL.map((app, index) => {
    const fronts = app.fronts ?? FRONTS;
    const front = fronts.slice((index + 1) % fronts.length).slice(0, 1);
    return t.test(`${app.name}: four swaps behind ${front.join()} lose nothing`, async () => {
      const results: Result[] = [];
      await runApp(app, front, async (result) => void results.push(result), PROBATION_MS);
      assert.deepEqual(
        results.filter((result) => !passed(result)),
        [],
      );
      assert.equal(results.length, 1);
    });
  });
  await Promise.all(tests);
});
