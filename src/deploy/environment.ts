import { existsSync } from "node:fs";
import { join } from "node:path";

/** What Kudu tells a deployment script; all undefined elsewhere. Empty variables count as absent. */
export interface DeployEnvironment {
  readonly source: string | undefined;
  readonly target: string | undefined;
  readonly temp: string | undefined;
  /** As given; not yet validated. */
  readonly commit: string | undefined;
  readonly siteName: string | undefined;
  readonly inPlace: boolean;
  readonly nextManifest: string | undefined;
  readonly previousManifest: string | undefined;
  readonly postAction: string | undefined;
}

/** https://github.com/projectkudu/kudu/wiki/Deployment-Environment */
export function readEnvironment(env: NodeJS.ProcessEnv): DeployEnvironment {
  const value = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  return {
    source: value("DEPLOYMENT_SOURCE"),
    target: value("DEPLOYMENT_TARGET") ?? kuduSite(value("WEBSITE_SITE_NAME"), value("HOME")),
    temp: value("DEPLOYMENT_TEMP"),
    commit: value("SCM_COMMIT_ID")?.trim() || undefined,
    siteName: value("WEBSITE_SITE_NAME"),
    inPlace: value("IN_PLACE_DEPLOYMENT") === "1",
    nextManifest: value("NEXT_MANIFEST_PATH"),
    previousManifest: value("PREVIOUS_MANIFEST_PATH"),
    postAction: value("POST_DEPLOYMENT_ACTION"),
  };
}

// In App Service's console there is no DEPLOYMENT_TARGET, but the site always lies here.
function kuduSite(siteName: string | undefined, home: string | undefined): string | undefined {
  if (siteName === undefined || home === undefined) return undefined;
  const root = join(home, "site", "wwwroot");
  return existsSync(root) ? root : undefined;
}
