import { planRollback, rollback, type Rollback } from "../deploy/rollback.ts";
import { InplaceError, type ErrorCode } from "../errors.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import { findArtifact } from "../site/find-artifact.ts";
import type { SiteLayout } from "../site/layout.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import type { RollbackRequest } from "../supervisor/requests.ts";
import { howVisitorsGetIt } from "./behind-haproxy.ts";
import { duration } from "./duration.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface MoveFlags {
  readonly force?: boolean;
  readonly lockWait?: number;
}

interface RollbackFlags extends MoveFlags {
  readonly yes?: boolean;
}

export const defineRollback: DefineVerb = (program, run) => {
  program
    .command("rollback [artifact]")
    .description("make an earlier artifact current again, without a build (default: the one before)")
    .option("-y, --yes", "do not ask; needed where there is no terminal")
    .option("--force", "also one that is marked failed")
    .option("--lock-wait <duration>", "wait for a deploy to end: 60s, 5m (default: 0s)", duration)
    .action((artifact: string | undefined, flags: RollbackFlags) =>
      run((context) => runRollback(context, artifact, flags)),
    );
};

export const definePromote: DefineVerb = (program, run) => {
  program
    .command("promote <artifact>")
    .description("make an artifact of _target current, without a build")
    .option("--force", "also one that is marked failed")
    .option("--lock-wait <duration>", "wait for a deploy to end: 60s, 5m (default: 0s)", duration)
    .action((artifact: string, flags: MoveFlags) =>
      run(async (context) =>
        makeCurrent(context, { artifact: await findArtifact(context.site(), artifact) }, flags, "published"),
      ),
    );
};

async function runRollback(
  context: VerbContext,
  artifact: string | undefined,
  flags: RollbackFlags,
): Promise<Outcome> {
  const layout = context.site();
  const chosen = artifact === undefined ? undefined : await findArtifact(layout, artifact);
  const plan = await planRollback(layout, { artifact: chosen, force: flags.force === true });
  // Asked without the lock: nobody's deploy is to wait for an answer.
  if (flags.yes !== true) await expectConsent(context, plan);
  return await makeCurrent(context, { artifact: plan.artifact, from: plan.previous }, flags, "rolled-back");
}

/** Throws DECLINED, and CONFIRMATION_NEEDED where there is nobody to ask. */
async function expectConsent({ confirm }: VerbContext, { artifact, previous }: Rollback): Promise<void> {
  if (artifact === previous) return;
  if (confirm === undefined) {
    throw new InplaceError(
      "CONFIRMATION_NEEDED",
      `Rolling back to ${artifact} asks first, and there is no terminal: say --yes.`,
    );
  }
  if (await confirm(`Roll back to ${artifact} (current: ${previous ?? "nothing"})?`)) return;
  throw new InplaceError("DECLINED", "Not rolled back.");
}

async function makeCurrent(
  context: VerbContext,
  move: { readonly artifact: string; readonly from?: string | undefined },
  flags: MoveFlags,
  event: "published" | "rolled-back",
): Promise<Outcome> {
  const layout = context.site();
  const { signal, emit } = context;
  const wanted = { ...move, force: flags.force === true, waitMs: flags.lockWait ?? 0 };
  const done = event === "rolled-back" ? await bySupervisor(layout, wanted, signal) : undefined;
  const { artifact, previous } =
    done ??
    (await rollback({ layout: (await openDeployFolder(layout)).layout, ...wanted, event, signal, emit }));
  const verb = event === "published" ? "promoted" : "rolled back to";
  const moved = `${verb} ${artifact}${howVisitorsGetIt(layout) || `\nwait until it has proved itself with: inplace-deploy wait ${artifact}`}`;
  return {
    document: { artifact, previous: previous ?? null },
    text: previous === artifact ? `${artifact} is current already${howVisitorsGetIt(layout)}` : moved,
  };
}

/** A supervisor that is asked needs no file system event to hear of it; undefined: it is for this account to do. */
async function bySupervisor(
  layout: SiteLayout,
  wanted: RollbackRequest,
  signal: AbortSignal,
): Promise<Rollback | undefined> {
  try {
    return await askSupervisor(layout, { ask: "rollback", ...wanted }, signal);
  } catch (error) {
    if (error instanceof InplaceError && NOT_ALLOWED.has(error.code)) return undefined;
    throw error;
  }
}

/** Who runs a site need not be allowed to deploy to it, nor who deploys to talk to the supervisor. */
const NOT_ALLOWED: ReadonlySet<ErrorCode> = new Set(["ACCESS_DENIED", "SITE_NOT_WRITABLE"]);
