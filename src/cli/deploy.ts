import { deploy } from "../deploy/deploy.ts";
import { readEnvironment } from "../deploy/environment.ts";
import { findSourceFolder, type Wanted } from "../deploy/source.ts";
import { DEFAULT_WAIT_MS } from "../deploy/wait.ts";
import { InplaceError } from "../errors.ts";
import { pruneAfterDeploy } from "./automatic-prune.ts";
import { howVisitorsGetIt } from "./behind-haproxy.ts";
import { duration } from "./duration.ts";
import { neverSilent } from "./never-silent.ts";
import { describeLive, untilLive } from "./until-live.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface DeployFlags {
  readonly source?: string;
  readonly commit?: string;
  readonly rebuild?: boolean;
  readonly lockWait?: number;
  /** true: for the default time. */
  readonly wait?: number | true;
  readonly sign?: string;
}

export const defineDeploy: DefineVerb = (program, run) => {
  program
    .command("deploy")
    .description("build the commit and make it current")
    .option("--source <folder>", "what to build (default: the repository)")
    .option("--commit <id>", "build this commit from a clean checkout of its own")
    .option("--rebuild", "build even if this commit was built before")
    .option(
      "--lock-wait <duration>",
      "wait for another deploy to end: 60s, 5m (default: lockWaitMs)",
      duration,
    )
    .option(
      "--wait [duration]",
      `wait until it is live and has got through its probation, 10 s (default: at most ${DEFAULT_WAIT_MS / 1000}s)`,
      duration,
    )
    .option("--sign <file>", "sign the release with this private key (default: INPLACE_SIGNING_KEY)")
    .action((flags: DeployFlags) => run((context) => neverSilent(context, (own) => runDeploy(own, flags))));
};

async function runDeploy(context: VerbContext, flags: DeployFlags): Promise<Outcome> {
  const environment = readEnvironment(context.env);
  const source = await findSourceFolder(flags.source ?? environment.source, context.cwd);
  const layout = context.site({ named: environment.target, otherwise: source, mayBeNew: true });
  const warnings: { readonly message: string; readonly hint: string }[] = [];
  const deployed = await deploy({
    layout,
    source,
    wanted: wantedCommit(flags.commit, environment.commit),
    environment,
    env: context.env,
    rebuild: flags.rebuild === true,
    waitMs: flags.lockWait,
    signingKey: flags.sign ?? context.signingKey,
    signal: context.signal,
    emit: (event) => {
      if (event.type === "build-warning") warnings.push({ message: event.message, hint: event.hint });
      context.emit(event);
    },
  });
  const done = { ...deployed, ...(warnings.length > 0 && { warnings }) };
  const { artifact, previous, ms } = done;
  const what =
    previous === artifact
      ? `${artifact} is current already`
      : `deployed ${artifact} in ${(ms / 1000).toFixed(1)} s`;
  const text = `${what}${howVisitorsGetIt(layout)}`;
  await pruneAfterDeploy(layout, context);
  if (flags.wait === undefined) return { document: { ...done }, text };
  const timeoutMs = flags.wait === true ? DEFAULT_WAIT_MS : flags.wait;
  const live = await untilLive(layout, artifact, timeoutMs, context.signal).catch((error: unknown) => {
    if (!(error instanceof InplaceError) || error.code !== "INTERRUPTED") throw error;
    throw new InplaceError("INTERRUPTED", `${artifact} is published and current; it was not live yet.`, {
      hint: `inplace-deploy wait ${artifact} waits for it, inplace-deploy status tells what runs.`,
      cause: error,
    });
  });
  return { document: { ...done, live }, text: `${text}\n${describeLive(live)}` };
}

function wantedCommit(flag: string | undefined, kudu: string | undefined): Wanted {
  if (flag !== undefined) return { by: "flag", id: flag };
  return kudu === undefined ? { by: "none" } : { by: "kudu", id: kudu };
}
