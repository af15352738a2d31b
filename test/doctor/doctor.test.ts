import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, copyFile, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, it, test, type TestContext } from "node:test";
import { examine } from "#src/doctor/examine.js";
import { FINDINGS } from "#src/doctor/finding.js";
import type { Surroundings } from "#src/doctor/patient.js";
import { writeHandover } from "#src/site/handover.js";
import { readLastDrain, recordDrain } from "#src/site/last-drain.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { writeOverlap } from "#src/site/overlap.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { app, fetchText, launch, launchedSite } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";
import { ARTIFACT, ILLS } from "./ills.js";

describe("doctor finds that", () => {
  for (const { code, how, harm, cure } of ILLS) {
    it(`${how}: ${code}`, async (t) => {
      const layout = await healthySite(t);
      const surroundings = (await harm(layout, t)) ?? {};
      const findings = await examine(layout, { env: {}, ...surroundings });
      const found = findings.find((finding) => finding.code === code);
      assert.ok(found, JSON.stringify(findings));
      const [severity, general] = FINDINGS[code];
      assert.equal(found.severity, severity);
      if (cure === undefined) assert.equal(found.cure, general);
      else assert.match(found.cure, cure);
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
  const tested = new Set<string>([
    ...ILLS.map(({ code }) => code),
    "IPV6_LOOPBACK_ONLY",
    "NO_FILE_EVENTS",
    "POINTER_MOUNTED",
  ]);
  assert.deepEqual(
    Object.keys(FINDINGS).filter((code) => !tested.has(code)),
    [],
  );
});

test("what recycle costs under IIS is told by the last drain; elsewhere, and of a handover, nothing is said", async (t) => {
  const layout = await healthySite(t);
  const said = async (surroundings: Partial<Surroundings>): Promise<string | undefined> =>
    (await examine(layout, { env: {}, ...surroundings })).find(({ code }) => code === "RECYCLE_UNDER_IIS")
      ?.what;
  const iis = { windowsFolder: layout.root, env: { APP_POOL_ID: "shop" } };
  assert.match((await said(iis)) ?? "", /^Each deploy recycles: .* no drain was measured yet/);
  await recordDrain(layout, { artifact: ARTIFACT, ms: 8_123.4 });
  await writeOverlap(layout, false);
  assert.equal(
    await said(iis),
    "Each deploy recycles (overlap is false): IIS turns new visitors away with 502.3 for about 8123 ms, which app-1.mjs took to drain, and then they wait for the start.",
  );
  assert.equal(await said({}), undefined);
  assert.equal(await said({ windowsFolder: layout.root }), undefined);
  await writeHandover(layout, {});
  const env = { ...iis.env, PATH: dirname(process.execPath) };
  assert.deepEqual(await examine(layout, { ...iis, env }), []);
});

test("a processPath that works is found fault with on no account: with blanks, quotes, variables, or a name of the PATH", async (t) => {
  const layout = await healthySite(t);
  const sound = await readFile(layout.webConfig, "utf8");
  await mkdir(join(layout.root, "my app"));
  for (const name of ["run.cmd", "run.sh", "tool", "index.js"])
    await writeFile(join(layout.root, "my app", name), "");
  for (const attributes of [
    'processPath="node" arguments="&quot;.\\my app\\index.js&quot; %HTTP_PLATFORM_PORT%"',
    'processPath="node.exe" arguments="--x=a b"',
    'processPath="&quot;.\\my app\\run.cmd&quot;"',
    'processPath=".\\my app\\tool.exe"',
    'processPath="%ROOT%\\my app\\tool.exe"',
    'processPath=".\\LAUNCH.CMD" stdoutLogFile="D:\\not\\logged"',
  ]) {
    await writeFile(
      layout.webConfig,
      sound.replace(/<httpPlatform [^>]*>/, `<httpPlatform ${attributes} rapidFailsPerMinute="100" />`),
    );
    const env = { ROOT: layout.root, PATH: dirname(process.execPath) };
    assert.deepEqual(await examine(layout, { env }), [], attributes);
  }
});

test("a last drain that cannot be read is none", async (t) => {
  const layout = await healthySite(t);
  for (const text of [
    "",
    "torn {",
    "null",
    "[]",
    '{"artifact":"../x","ms":1}',
    '{"artifact":"x.mjs","ms":"1"}',
  ]) {
    await writeFile(layout.lastDrain, text);
    assert.equal(await readLastDrain(layout), undefined, text);
  }
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

test("before the first deploy the only thing that is missing is an artifact", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  for (const file of ["web.config", "launch.cmd", "launch.sh"])
    await copyFile(resolve(file), join(layout.root, file));
  const before = await readdir(layout.root);
  assert.deepEqual(
    (await examine(layout, { env: {} })).map(({ code }) => code),
    ["NO_ARTIFACT"],
  );
  assert.deepEqual(await readdir(layout.root), before, "doctor leaves the site as it is");
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
