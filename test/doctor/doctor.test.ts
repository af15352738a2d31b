import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, chmod, copyFile, mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { describe, it, test, type TestContext } from "node:test";
import { examine } from "#src/doctor/examine.js";
import { FINDINGS, type FindingCode } from "#src/doctor/finding.js";
import type { Surroundings } from "#src/doctor/patient.js";
import { markFailed } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { generateKeys } from "#src/site/signature.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { app, fetchText, launch, launchedSite } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";

const ARTIFACT = "app-1.mjs";
const HOUR_MS = 3_600_000;

interface Ill {
  readonly code: FindingCode;
  readonly how: string;
  readonly harm: (layout: SiteLayout, t: TestContext) => Promise<Partial<Surroundings> | void>;
}

const ILLS: readonly Ill[] = [
  {
    code: "POINTER_UNSOUND",
    how: "the pointer leads out",
    harm: (s) => writeFile(s.pointer, "../../etc/passwd"),
  },
  { code: "POINTER_UNSOUND", how: "the pointer is a folder", harm: (s) => replaceByFolder(s.pointer) },
  { code: "POINTER_DANGLING", how: "the artifact is gone", harm: (s) => rm(join(s.target, ARTIFACT)) },
  {
    code: "POINTER_IN_FUTURE",
    how: "the pointer is of tomorrow",
    harm: (s) => utimes(s.pointer, new Date(), new Date(Date.now() + 24 * HOUR_MS)),
  },
  {
    code: "NO_ARTIFACT",
    how: "nothing was ever deployed",
    harm: async (s) => {
      await rm(join(s.target, ARTIFACT));
      await rm(s.pointer);
    },
  },
  {
    code: "CURRENT_FAILED",
    how: "the current artifact is marked failed",
    harm: (s) => markFailed(s, ARTIFACT, "exit code 1"),
  },
  {
    code: "NO_ENTRY_POINT",
    how: "the artifact is a folder without a program",
    harm: async (s) => {
      await mkdir(join(s.target, "empty"));
      await writeFile(join(s.target, "empty", "readme.txt"), "no program");
      await writeFile(s.pointer, "_target/empty\n");
    },
  },
  {
    code: "ARTIFACT_ALTERED",
    how: "a file's content rotted",
    harm: async (s) => {
      await writeFile(join(s.target, ARTIFACT), app().replace("slow", "SLOW"));
      await utimes(join(s.target, ARTIFACT), new Date(0), new Date(0));
      await writeFile(s.pointer, `_target/${ARTIFACT}\n`);
    },
  },
  {
    code: "ARTIFACT_UNSIGNED",
    how: "a signature is required",
    harm: async (s, t) => {
      const key = join(await temporaryFolder(t), "inplace.pub");
      await writeFile(key, generateKeys().publicKey);
      return { env: { INPLACE_PUBLIC_KEY: key } };
    },
  },
  {
    code: "SIGNING_KEY_INVALID",
    how: "the public key lies in the site",
    harm: async (s) => {
      await writeFile(join(s.root, "inplace.pub"), generateKeys().publicKey);
      return { env: { INPLACE_PUBLIC_KEY: "inplace.pub" } };
    },
  },
  {
    code: "ARCHIVE_WAITS",
    how: "an archive was dropped",
    harm: (s) => writeFile(join(s.target, "app.zip"), "PK"),
  },
  {
    code: "NOT_WRITABLE",
    how: "staging cannot be made",
    harm: async (s) => {
      await rm(s.staging, { recursive: true, force: true });
      await writeFile(s.staging, "a file");
    },
  },
  { code: "WORLD_WRITABLE", how: "everybody may write _target", harm: (s) => chmod(s.target, 0o777) },
  { code: "WORLD_WRITABLE", how: "everybody may write the pointer", harm: (s) => chmod(s.pointer, 0o666) },
  {
    code: "DISK_LOW",
    how: "the disk is nearly full",
    harm: async () => ({ leastFreeBytes: Number.MAX_SAFE_INTEGER }),
  },
  { code: "CONFIG_UNSOUND", how: "a key is unknown", harm: (s) => config(s, { drian: {} }) },
  { code: "RUNTIME_MISSING", how: "the runtime is gone", harm: (s) => rm(s.runtime, { recursive: true }) },
  {
    code: "LOCK_LEFT",
    how: "a deploy was killed",
    harm: (s) => {
      const { pid } = spawnSync(process.execPath, ["--version"]);
      return writeFile(s.lock, JSON.stringify({ id: "dead", owner: "x", host: hostname(), pid, since: "" }));
    },
  },
  { code: "HISTORY_DAMAGED", how: "a line is torn", harm: (s) => appendFile(s.history, '{"at":"2026-\n') },
  { code: "APP_OFFLINE", how: "app_offline.htm is left", harm: (s) => writeFile(s.appOffline, "back soon") },
  { code: "WEB_CONFIG_MISSING", how: "there is no web.config", harm: (s) => rm(s.webConfig) },
  { code: "WEB_CONFIG_UNSOUND", how: "it is no XML", harm: (s) => writeFile(s.webConfig, "<configuration>") },
  { code: "LAUNCHER_MISSING", how: "there is no launcher", harm: (s) => rm(join(s.root, "launch.sh")) },
  {
    code: "LAUNCHER_DETACHES",
    how: "the launcher uses start",
    harm: (s) => writeFile(join(s.root, "launch.cmd"), '@echo off\r\nstart "" node server.js\r\n'),
  },
  {
    code: "LAUNCHER_LINE_ENDS",
    how: "the launcher was saved on Windows",
    harm: async (s) => {
      const file = join(s.root, "launch.sh");
      await writeFile(file, (await readFile(file, "utf8")).replaceAll("\n", "\r\n"));
    },
  },
  {
    code: "PATH_NOT_QUOTED",
    how: "arguments hold a path with a blank",
    harm: async (s) => {
      await writeFile(join(s.root, "my app.js"), "");
      await webConfig(s, `processPath="node" arguments="--enable-source-maps my app.js 80"`);
    },
  },
  {
    code: "PATH_NOT_QUOTED",
    how: "processPath has a blank",
    harm: async (s) => {
      await writeFile(join(s.root, "my app.exe"), "");
      await webConfig(s, `processPath="my app.exe"`);
    },
  },
  {
    code: "RAPID_FAILS_LOW",
    how: "many processes share few fails",
    harm: (s) =>
      webConfig(s, `processPath=".\\launch.cmd" rapidFailsPerMinute="10" processesPerApplication="4"`),
  },
  {
    code: "START_NEAR_LIMIT",
    how: "the last start took as long as may be",
    harm: async (s) => {
      await webConfig(s, `processPath=".\\launch.cmd" startupTimeLimit="10"`);
      await writeFile(s.started, ARTIFACT);
      await writeFile(s.lastGood, ARTIFACT);
      await utimes(s.started, new Date(), new Date(Date.now() - 9_500));
    },
  },
  {
    code: "DRAIN_TOO_LONG",
    how: "the drain outlasts requests",
    harm: (s) => config(s, { drain: { deadlineMs: 600_000 } }),
  },
  {
    code: "LISTENS_ON_LOCALHOST",
    how: "the app names localhost",
    harm: (s) => publish(s, "app-2.mjs", app().replace('"127.0.0.1"', '"localhost"')),
  },
  {
    code: "KUDU_APP_OFFLINE",
    how: "Kudu runs with its defaults",
    harm: async () => ({ env: { SCM_COMMIT_ID: "1" } }),
  },
  {
    code: "KUDU_TOUCHES_WEB_CONFIG",
    how: "Kudu runs with its defaults",
    harm: async () => ({ env: { KUDU_SYNC_CMD: "kudusync", SCM_CREATE_APP_OFFLINE: "0" } }),
  },
  {
    code: "CLOCK_SKEW",
    how: "this machine's clock is an hour late",
    harm: async () => ({ now: Date.now() - HOUR_MS }),
  },
  { code: "NODE_TOO_OLD", how: "Node is too old", harm: async () => ({ nodeVersion: "20.18.1" }) },
];

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

async function webConfig(layout: SiteLayout, attributes: string): Promise<void> {
  const text = await readFile(layout.webConfig, "utf8");
  await writeFile(layout.webConfig, text.replace(/<httpPlatform [^>]*>/, `<httpPlatform ${attributes} />`));
}

async function config(layout: SiteLayout, value: object): Promise<void> {
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify(value));
}

async function replaceByFolder(path: string): Promise<void> {
  await rm(path);
  await mkdir(path);
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
