import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { asSiteError, InplaceError, systemCode } from "../../errors.ts";
import { haproxyConfig, KEEP_ALIVE_MS } from "./config-file.ts";
import type { Front } from "./front.ts";
import { RuntimeApi } from "./runtime-api.ts";
import { isOurs, startOf } from "./slot-record.ts";
import { makeFolders } from "../../site/records.ts";

const run = promisify(execFile);
const PROGRAM = "haproxy";
/** Checking a configuration, or becoming a daemon. */
const RUN_LIMIT_MS = 20_000;
/** From its start to the first answer of its runtime API. */
export const ANSWER_LIMIT_MS = 10_000;
/** For the connections that clients keep when HAProxy is to end. */
export const SOFT_STOP_MS = 10_000;
const LOOK_AGAIN_MS = 50;
// Debian keeps it where the PATH of plain accounts does not look.
const SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin";

export type UpOutcome = "started" | "reloaded" | "already-up" | "external";

/** Writes and checks the configuration and sees to it that HAProxy runs with it. */
export async function haproxyUp(front: Front): Promise<UpOutcome> {
  const api = new RuntimeApi(front.socket, front.site);
  if (front.external) {
    await expectServers(front, api);
    return "external";
  }
  const changed = await writeConfig(front);
  const running = await answers(api);
  if (running && !changed) return "already-up";
  if (running) {
    // The master hands its listening sockets to a new worker: no connection is refused.
    const { pid: old } = await api.info();
    process.kill(await masterPid(front), "SIGUSR2");
    await untilAnswers(api, old);
    // It may have idle connections, and would send their requests to the server that a deploy after this one stops.
    await ended(old, KEEP_ALIVE_MS);
    return "reloaded";
  }
  await haproxy("-W", "-D", "-p", pidFile(front), "-f", configFile(front));
  await untilAnswers(api, undefined);
  return "started";
}

/** Ends HAProxy: connections get SOFT_STOP_MS. false: it was not running, or it is not ours. */
export async function haproxyDown(front: Front): Promise<boolean> {
  const api = new RuntimeApi(front.socket, front.site);
  if (front.external || !(await answers(api))) return false;
  const pid = await masterPid(front);
  process.kill(pid, "SIGUSR1");
  if (!(await ended(pid, SOFT_STOP_MS))) {
    process.kill(pid, "SIGTERM");
    await ended(pid, SOFT_STOP_MS);
  }
  await rm(pidFile(front), { force: true });
  return true;
}

/** false: as it was. Throws HAPROXY_CONFIG_INVALID with HAProxy's words, and leaves the old one in place. */
async function writeConfig(front: Front): Promise<boolean> {
  const path = configFile(front);
  const text = haproxyConfig(front);
  const old = await readFile(path, "utf8").catch(() => undefined);
  if (old === text) return false;
  try {
    await makeFolders(front.folder);
    await rm(`${path}.new`, { force: true });
    await writeFile(`${path}.new`, text, { flag: "wx" });
    await haproxy("-c", "-f", `${path}.new`);
    await writeFile(path, text);
  } catch (error) {
    throw asSiteError(error, path);
  } finally {
    await rm(`${path}.new`, { force: true });
  }
  return true;
}

async function haproxy(...args: readonly string[]): Promise<void> {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_FOLDERS}` };
  try {
    await run(PROGRAM, args, { env, timeout: RUN_LIMIT_MS });
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      throw new InplaceError("HAPROXY_MISSING", "The program haproxy is not installed.", { cause: error });
    }
    const { stderr = "" } = error as { readonly stderr?: string };
    throw new InplaceError(
      "HAPROXY_CONFIG_INVALID",
      `HAProxy did not take its configuration:\n${stderr.trim()}`,
    );
  }
}

async function expectServers(front: Front, api: RuntimeApi): Promise<void> {
  const servers = await api.servers();
  const missing = front.hosts.flatMap((host) => host.servers).filter(({ name }) => !servers.has(name));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(", ");
  throw new InplaceError(
    "HAPROXY_CONFIG_INVALID",
    `The running HAProxy has no server ${names} in its backend ${front.site}.`,
    {
      hint: `Take them from this:\n${haproxyConfig(front)}`,
    },
  );
}

async function answers(api: RuntimeApi): Promise<boolean> {
  return api.info().then(
    () => true,
    () => false,
  );
}

/** Waits for an answer by another process than `than`. */
async function untilAnswers(api: RuntimeApi, than: number | undefined): Promise<void> {
  const deadline = Date.now() + ANSWER_LIMIT_MS;
  for (;;) {
    const pid = await api.info().then(
      (info) => info.pid,
      () => undefined,
    );
    if (pid !== undefined && pid !== than) return;
    if (Date.now() > deadline) {
      throw new InplaceError("TIMED_OUT", `HAProxy did not answer within ${ANSWER_LIMIT_MS / 1000} s.`);
    }
    await delay(LOOK_AGAIN_MS);
  }
}

async function masterPid(front: Front): Promise<number> {
  const text = await readFile(pidFile(front), "utf8").catch(() => "");
  const pid = Number(text.trim().split(/\s+/)[0]);
  if (isOurs(pid, startOf(pid))) return pid;
  throw new InplaceError(
    "HAPROXY_UNREACHABLE",
    `HAProxy runs, but ${pidFile(front)} does not say as which process.`,
    {
      hint: 'Stop it, or set "external" to true if something else starts it.',
    },
  );
}

async function ended(pid: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await delay(LOOK_AGAIN_MS);
  }
  return false;
}

const configFile = (front: Front): string => join(front.folder, "haproxy.cfg");
const pidFile = (front: Front): string => join(front.folder, "haproxy.pid");
