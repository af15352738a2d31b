import { prune } from "../deploy/prune.ts";
import { asInplaceError, type ErrorCode } from "../errors.ts";
import type { DeployEvent, EventSink, SiteEvent } from "../events.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import { servedElsewhere } from "../site/instances.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readManifest } from "../site/manifest.ts";
import { readReleases } from "../site/releases.ts";
import { tolerantConfig } from "../site/site-config.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { runningIn } from "./running.ts";

/** How many of the newest proven releases stay where the configuration has no number. */
const KEPT = 10;

export interface AutomaticPrune {
  /** With the temporary files of the account that this process has. */
  readonly layout: () => Promise<SiteLayout>;
  readonly running: () => Promise<readonly string[]>;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent | SiteEvent>;
}

/**
 * Removes old releases after a new one, once the site has a release that proved itself, unless its configuration says
 * `"prune": false`. Where machines share the folder nothing is removed: what each of them runs is not known here. Never
 * throws: what cannot be removed is left to the next time.
 */
async function pruneAutomatically(
  site: SiteLayout,
  { layout, running, signal, emit }: AutomaticPrune,
): Promise<void> {
  try {
    const { prune: wanted, keep, haproxy } = tolerantConfig(site.root);
    if (wanted === false || haproxy !== undefined || (await servedElsewhere(site))) return;
    const kept = typeof keep === "number" && keep >= 1 ? Math.floor(keep) : KEPT;
    const releases = await readReleases(site);
    if (releases.length <= kept || !releases.some(({ lastGood }) => lastGood)) return;
    await prune({
      layout: await layout(),
      keep: kept,
      running: await running(),
      dryRun: false,
      waitMs: 0,
      signal,
      emit: (event) => {
        // That a program holds it open is told to who asks for a prune.
        if (event.type !== "artifact-locked") emit(event);
      },
    });
  } catch (error) {
    const { code, message } = asInplaceError(error);
    if (!EXPECTED.has(code)) emit({ type: "left-undone", what: "old releases may be left", message });
  }
}

/** After a deploy of this process. */
export async function pruneAfterDeploy(
  site: SiteLayout,
  { signal, emit }: Pick<AutomaticPrune, "signal" | "emit">,
): Promise<void> {
  await pruneAutomatically(site, {
    layout: async () => (await openDeployFolder(site)).layout,
    running: async () => {
      const supervisor = await askSupervisor(site, { ask: "status" }, signal);
      return supervisor === undefined ? [] : runningIn(supervisor);
    },
    signal,
    emit,
  });
}

/** After a swap to a release that somebody dropped; after a deploy, the deploy does it, which nobody else's has to wait for. */
export async function pruneAfterDrop(
  site: SiteLayout,
  artifact: string,
  {
    supervisor,
    signal,
    emit,
  }: Pick<AutomaticPrune, "signal" | "emit"> & { readonly supervisor: Pick<Supervisor, "status"> },
): Promise<void> {
  const manifest = await readManifest(site, artifact).catch(() => undefined);
  if (manifest?.origin !== "drop") return;
  await pruneAutomatically(site, {
    layout: async () => site,
    running: async () => runningIn(await supervisor.status()),
    signal,
    emit,
  });
}

/** Another deploy goes on; who runs a site need not be allowed to remove what another account deployed. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  "LOCK_HELD",
  "INTERRUPTED",
  "ACCESS_DENIED",
  "SITE_NOT_WRITABLE",
  "DEPLOY_FOLDER_UNSAFE",
]);
