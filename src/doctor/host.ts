import { watch } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { isNodeProgram } from "../site/entry-point.ts";
import { readOptional } from "../site/present.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

const OLDEST_NODE = [20, 19] as const;

export async function checkNode({ nodeVersion }: Patient): Promise<readonly Finding[]> {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, "").split(".").map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return isOld ? [finding("NODE_TOO_OLD", `This is Node ${nodeVersion}.`)] : [];
}

/** Defaults of Kudu that work against a rollout in place; looked at where Kudu runs this. */
export async function checkKudu({ layout, env }: Patient): Promise<readonly Finding[]> {
  const isKudu = env["KUDU_SYNC_CMD"] !== undefined || env["SCM_COMMIT_ID"] !== undefined;
  if (!isKudu) return [];
  const findings: Finding[] = [];
  const set = { ...(await deploymentSettings(layout.root, env)), ...env };
  if (set["SCM_CREATE_APP_OFFLINE"] !== "0") {
    findings.push(finding("KUDU_APP_OFFLINE", "SCM_CREATE_APP_OFFLINE is not 0."));
  }
  if (set["SCM_TOUCH_WEBCONFIG_AFTER_DEPLOYMENT"] !== "0") {
    findings.push(finding("KUDU_TOUCHES_WEB_CONFIG", "SCM_TOUCH_WEBCONFIG_AFTER_DEPLOYMENT is not 0."));
  }
  return findings;
}

/** What `.deployment` of the pushed repository sets for each deployment; an app setting of the same name wins. */
async function deploymentSettings(
  siteRoot: string,
  env: NodeJS.ProcessEnv,
): Promise<Readonly<Record<string, string>>> {
  // The console of Kudu knows no DEPLOYMENT_SOURCE; its repository lies beside wwwroot.
  const source = env["DEPLOYMENT_SOURCE"] || join(siteRoot, "..", "repository");
  const text = (await readOptional(join(source, ".deployment")).catch(() => undefined)) ?? "";
  return Object.fromEntries(
    [...text.matchAll(/^[ \t]*(SCM_\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );
}

/** Node programs poll by themselves on a network share; of others nothing is known. */
export async function checkPolling({
  layout,
  pointer,
  isNetworkShare,
}: Patient): Promise<readonly Finding[]> {
  if (pointer.state !== "names") return [];
  const share = (await isNetworkShare(layout.root)) ? layout.root : layout.target;
  if (!(await isNetworkShare(share))) return [];
  const { artifact } = pointer;
  if (await isNodeProgram(layout, artifact).catch(() => true)) return []; // checkCurrent says what is wrong with it.
  return [finding("SHARE_NEEDS_POLLING", `${share} is a network share, and ${artifact} no Node program.`)];
}

/** Watches the target folder for a moment, as the app does. */
export async function checkFileEvents({ layout, env }: Patient): Promise<readonly Finding[]> {
  if (env["INPLACE_POLL"] === "1") return [];
  try {
    const watcher = watch(layout.target);
    watcher.on("error", () => undefined);
    watcher.close();
    return [];
  } catch (error) {
    if (systemCode(error) === "ENOENT") return []; // checkWriting says so.
    return [finding("NO_FILE_EVENTS", `${layout.target} cannot be watched: ${String(error)}`)];
  }
}
