import type { SiteLayout } from "../site/layout.ts";
import { tolerantConfig } from "../site/site-config.ts";

/** Said after the pointer moved: behind HAProxy the pointer alone changes nothing for visitors. "" elsewhere. */
export function howVisitorsGetIt(layout: SiteLayout): string {
  if (tolerantConfig(layout.root).haproxy === undefined) return "";
  return "\nvisitors get it by: inplace-deploy haproxy deploy";
}
