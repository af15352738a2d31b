import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { InplaceError } from "../errors.ts";
import { readHandover } from "../site/handover.ts";
import { readLastDrain } from "../site/last-drain.ts";
import { mayOverlap } from "../site/overlap.ts";
import { finding, type Finding } from "./finding.ts";
import { showsIis } from "./iis.ts";
import type { Patient } from "./patient.ts";

const OUR_LAUNCHER = /(^|[\\/"])launch\.(cmd|sh)"?$/i;
const VERSION_LIMIT_MS = 10_000;
/** What launchers ask for. */
const OLDEST_FOR_HANDOVER = 20;

/** What recycle costs under IIS, by what the last drain showed. */
export async function checkRecycle(patient: Patient): Promise<readonly Finding[]> {
  const { layout, pointer, webConfig } = patient;
  if (pointer.state !== "names" || webConfig instanceof InplaceError) return [];
  if (!OUR_LAUNCHER.test(webConfig.processPath) || !(await isUnderIis(patient))) return [];
  if ((await readHandover(layout)) !== undefined) return [];
  const drain = await readLastDrain(layout);
  const howLong =
    drain === undefined
      ? "until its last request is answered; no drain was measured yet"
      : `for about ${drain.ms} ms, which ${drain.artifact} took to drain`;
  const why = (await mayOverlap(layout)) ? "" : " (overlap is false)";
  const what = `Each deploy recycles${why}: IIS turns new visitors away with 502.3 ${howLong}, and then they wait for the start.`;
  return [finding("RECYCLE_UNDER_IIS", what)];
}

/** IIS tells its processes the name of their pool; on App Service its files may be hidden. */
async function isUnderIis({ env, windowsFolder }: Patient): Promise<boolean> {
  if (windowsFolder === undefined) return false;
  return (
    env["APP_POOL_ID"] !== undefined || env["WEBSITE_SITE_NAME"] !== undefined || showsIis(windowsFolder)
  );
}

/** Whether the launcher finds what it starts a supervisor with, as far as this account's PATH tells. */
export async function checkHandover({ layout, env }: Patient): Promise<readonly Finding[]> {
  if ((await readHandover(layout)) === undefined) return [];
  const version = await promisify(execFile)("node", ["--version"], { env, timeout: VERSION_LIMIT_MS }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (Number(/^v(\d+)\./.exec(version ?? "")?.[1]) >= OLDEST_FOR_HANDOVER) return [];
  return [finding("HANDOVER_WITHOUT_NODE", `On the PATH there is ${version ?? "no node"}.`)];
}
