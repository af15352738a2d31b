// npm run test:next. Not among the tests of every run: Next's packages are 340 MB, and two builds take half a minute.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLoad } from "../rig/load.ts";
import { runProgram } from "../rig/program.ts";
import { initialised, deployedAndServed } from "./initialised-app.ts";

test("init in a Next app from the registry: its standalone build is served, and swapped without a lost request", async (t) => {
  const repository = await initialised(
    t,
    {
      ".gitignore": "node_modules/\n.next/\n",
      "package.json": {
        name: "pages",
        private: true,
        dependencies: { next: "16", react: "19", "react-dom": "19" },
      },
      "next.config.js": `module.exports = { output: "standalone" };`,
      "app/layout.js": `export default ({ children }) => <html><body>{children}</body></html>;`,
      "app/page.js": `export const dynamic = "force-dynamic"; export default () => <p>page one</p>;`,
    },
    async (modules) => {
      const { code, stderr } = await runProgram(t, "npm", ["install", "--no-package-lock"], {
        cwd: `${modules}/..`,
      });
      assert.equal(code, 0, stderr);
    },
  );
  const port = await deployedAndServed(t, repository.folder, "page one");
  const load = await startLoad({
    port,
    version: "page (one|two)",
    streams: [
      { name: "fresh", perSecond: 20, connections: "fresh" },
      { name: "keep-alive", perSecond: 20, connections: 4 },
    ],
  });
  await repository.edit("app/page.js", "page one", "page two");
  await repository.commit("two");
  const { code, stdout, stderr } = await runProgram(t, "bash", ["deploy.sh"], { cwd: repository.folder });
  assert.equal(code, 0, stdout + stderr);
  await load.until(({ version }) => version === "two", "the new page");
  const samples = await load.stop();
  t.diagnostic(`${samples.length} requests`);
  assert.deepEqual(samples.filter(({ failure }) => failure !== undefined).slice(0, 3), []);
  assert.equal(await repository.git("status", "--porcelain"), "");
});
