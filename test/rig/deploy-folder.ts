import { deploy, type Deployment, type DeployOptions } from "#src/deploy/deploy.js";
import { readEnvironment } from "#src/deploy/environment.js";
import { siteLayout } from "#src/site/layout.js";

/** Deploys a folder that is no repository, as Kudu's zip deployments are; SCM_COMMIT_ID and WEBSITE_SITE_NAME name it. */
export function deployFolder(
  source: string,
  site: string,
  env: NodeJS.ProcessEnv,
  options: Partial<Pick<DeployOptions, "emit" | "waitMs">> = {},
): Promise<Deployment> {
  return deploy({
    layout: siteLayout(site),
    source,
    wanted: { by: "kudu", id: env["SCM_COMMIT_ID"] ?? "" },
    environment: readEnvironment(env),
    env,
    rebuild: false,
    signingKey: undefined,
    waitMs: options.waitMs ?? 0,
    signal: new AbortController().signal,
    emit: options.emit ?? (() => undefined),
  });
}
