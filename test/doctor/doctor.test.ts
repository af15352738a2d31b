import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, it, test, type TestContext } from "node:test";
import { examine } from "#src/doctor/examine.js";
import { FINDINGS } from "#src/doctor/finding.js";
import type { SiteLayout } from "#src/site/layout.js";
import { until } from "../rig/until.js";
import { app, fetchText, launch, launchedSite } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";
import { ARTIFACT, ILLS } from "./ills.js";

describe("doctor finds that", () => {
  for (const { code, how, harm } of ILLS) {
    it(`${how}: ${code}`, async (t) => {
      const layout = await healthySite(t);
      const surroundings = (await harm(layout, t)) ?? {};
      const findings = await examine(layout, { env: {}, ...surroundings });
      const found = findings.find((finding) => finding.code === code);
      assert.ok(found, JSON.stringify(findings));
      assert.deepEqual([found.severity, found.cure], FINDINGS[code]);
      assert.notEqual(found.what, "");
    });
  }

  it("a running app listens on [::1] only: IPV6_LOOPBACK_ONLY", async (t) => {
    const layout = await healthySite(t);
    await publish(layout, "app-2.mjs", app().replace('"127.0.0.1"', '"::1"'));
    const running = launch(t, layout);
    await running.port();
    await until("it is found", async () => {
      return (await examine(layout, { env: {} })).some(({ code }) => code === "IPV6_LOOPBACK_ONLY");
    });
  });

  it("folders cannot be watched: NO_FILE_EVENTS", async (t) => {
    const layout = await healthySite(t);
    // A user namespace has limits of its own, so the machine's stay as they are.
    const script =
      'echo 0 > /proc/sys/user/max_inotify_instances; exec "$0" bin/inplace.js doctor --json --site-root "$1"';
    const args = ["--user", "--map-root-user", "sh", "-c", script, process.execPath, layout.root];
    const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    assert.match(stdout, /"NO_FILE_EVENTS"/, stderr);
  });
});

test("every code of the list has a test", () => {
  const tested = new Set<string>([...ILLS.map(({ code }) => code), "IPV6_LOOPBACK_ONLY", "NO_FILE_EVENTS"]);
  assert.deepEqual(
    Object.keys(FINDINGS).filter((code) => !tested.has(code)),
    [],
  );
});

test("doctor finds nothing in a healthy site, at rest and while it serves, and leaves it as it is", async (t) => {
  const layout = await healthySite(t);
  assert.deepEqual(await examine(layout, { env: {} }), []);
  const running = launch(t, layout);
  assert.equal(await fetchText(await running.port()), ARTIFACT);
  const before = await stat(layout.pointer);
  assert.deepEqual(await examine(layout, { env: {} }), []);
  assert.deepEqual((await stat(layout.pointer)).mtimeMs, before.mtimeMs);
  assert.equal(running.process.exitCode, null);
});

test("inplace doctor exits with 1 where something is broken, with 0 where there are risks only", async (t) => {
  const layout = await healthySite(t);
  await appendFile(layout.history, "torn\n");
  const risk = inplace("doctor", "--site-root", layout.root);
  assert.equal(risk.status, 0, risk.stderr);
  assert.match(risk.stdout, /^risk {4}HISTORY_DAMAGED: 1 lines/m);
  await writeFile(layout.pointer, "nothing\n");
  const broken = inplace("doctor", "--json", "--site-root", layout.root);
  assert.equal(broken.status, 1);
  const document = JSON.parse(broken.stdout) as { healthy: boolean; findings: { code: string }[] };
  assert.equal(document.healthy, false);
  assert.deepEqual(
    document.findings.map(({ code }) => code),
    ["POINTER_DANGLING", "HISTORY_DAMAGED"],
  );
});

async function healthySite(t: TestContext): Promise<SiteLayout> {
  const layout = await launchedSite(t);
  for (const file of ["web.config", "launch.cmd"]) await copyFile(resolve(file), join(layout.root, file));
  await publish(layout, ARTIFACT, app());
  return layout;
}

function inplace(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["bin/inplace.js", ...args], { encoding: "utf8" });
}

test("docs/doctor.md lists every code with its cure", async () => {
  const text = await readFile(resolve("docs", "doctor.md"), "utf8");
  for (const [code, [severity, cure]] of Object.entries(FINDINGS)) {
    const row = text.split("\n").find((line) => line.startsWith(`| \`${code}\``)) ?? "";
    assert.deepEqual(
      row
        .split("|")
        .slice(2, 4)
        .map((cell) => cell.trim()),
      [severity, cure],
    );
  }
});
