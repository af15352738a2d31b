import { spawnSync } from "node:child_process";
import { appendFile, chmod, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { markFailed } from "#src/site/health-marks.js";
import { writeHandover } from "#src/site/handover.js";
import { generateKeys } from "#src/site/signature.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { app } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";
import { config, replaceByFolder, webConfig, windowsWith, type Ill } from "./harm.js";
import { WEB_CONFIG_ILLS } from "./web-config-ills.js";

/** What is current in the healthy site that is to be harmed. */
export const ARTIFACT = "app-1.mjs";
const HOUR_MS = 3_600_000;

/** All that can be wrong with a site and be brought about by writing files. */
export const ILLS: readonly Ill[] = [
  { code: "HANDLER_MISSING", how: "IIS has no handler", harm: (_, t) => windowsWith(t) },
  {
    code: "HANDLER_LACKS_ATTRIBUTE",
    how: "web.config says what the handler does not know",
    harm: (_, t) => windowsWith(t, "httpplatform_schema.xml"),
  },
  {
    code: "SHARE_NEEDS_POLLING",
    how: "a program in another language runs from a network share",
    harm: async (s) => {
      await publish(s, "program", "#!/bin/sh");
      return { isNetworkShare: () => Promise.resolve(true) };
    },
  },
  {
    code: "POINTER_UNSOUND",
    how: "the pointer leads out",
    harm: (s) => writeFile(s.pointer, "../../etc/passwd"),
  },
  {
    code: "POINTER_UNSOUND",
    how: "the pointer is a folder",
    harm: (s) => replaceByFolder(s.pointer),
    cure: /remove it/,
  },
  { code: "POINTER_DANGLING", how: "the artifact is gone", harm: (s) => rm(join(s.target, ARTIFACT)) },
  {
    code: "POINTER_DANGLING",
    how: "the pointer has another case",
    harm: (s) => writeFile(s.pointer, `_target/${ARTIFACT.toUpperCase()}\n`),
    cure: /^Write _target\/app-1\.mjs to _artifact\.txt/,
  },
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
    code: "CURRENT_UNPROVEN",
    how: "a launcher started it long ago, and it never served",
    harm: async (s) => {
      await writeFile(s.started, ARTIFACT);
      await writeFile(s.lastGood, "before.mjs");
      await utimes(s.started, new Date(), new Date(Date.now() - HOUR_MS));
    },
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
    cure: /remove it/,
  },
  { code: "WORLD_WRITABLE", how: "everybody may write _target", harm: (s) => chmod(s.target, 0o777) },
  { code: "WORLD_WRITABLE", how: "everybody may write the pointer", harm: (s) => chmod(s.pointer, 0o666) },
  {
    code: "DISK_LOW",
    how: "the disk is nearly full",
    harm: async () => ({ leastFreeBytes: Number.MAX_SAFE_INTEGER }),
  },
  {
    code: "CONFIG_UNSOUND",
    how: "a key is unknown",
    harm: (s) => config(s, { drian: {} }),
    cure: /^Did you mean "drain"\?/,
  },
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
  {
    code: "UNREADABLE",
    how: "a folder lies in the place of the history",
    harm: (s) => rm(s.history, { force: true }).then(() => mkdir(s.history)),
  },
  { code: "APP_OFFLINE", how: "app_offline.htm is left", harm: (s) => writeFile(s.appOffline, "back soon") },
  {
    code: "APP_OFFLINE",
    how: "it is spelled as Windows lets people",
    harm: (s) => writeFile(join(s.root, "App_Offline.HTM"), "back soon"),
  },
  ...WEB_CONFIG_ILLS,
  {
    code: "RECYCLE_UNDER_IIS",
    how: "IIS recycles at each deploy",
    harm: (_, t) => windowsWith(t, "httpplatform_schema.xml"),
  },
  {
    code: "HANDOVER_WITHOUT_NODE",
    how: "a handover is wanted and there is no node",
    harm: async (s, t) => {
      await writeHandover(s, {});
      return { env: { PATH: await temporaryFolder(t) } };
    },
  },
  {
    code: "START_NEAR_LIMIT",
    how: "the last start took as long as may be",
    harm: async (s) => {
      await webConfig(s, `processPath=".\\launch.cmd" startupTimeLimit="10"`);
      await writeFile(s.started, ARTIFACT);
      await writeFile(s.lastGood, ARTIFACT);
      const now = new Date();
      await utimes(s.started, now, new Date(now.getTime() - 9_500));
      await utimes(s.lastGood, now, now);
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
