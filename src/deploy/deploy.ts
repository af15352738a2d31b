import { realpath } from "node:fs/promises";
import type { SiteConfig } from "../config/config.ts";
import { CONFIG_FILE, loadConfig, siteName } from "../config/load.ts";
import type { DeployEvent, EventSink, SiteEvent } from "../events.ts";
import { validSiteName } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import { acquireLock, type HeldLock, type LockOwner } from "../site/lock.ts";
import { installRuntime } from "../site/runtime-bundle.ts";
import { findBuilt } from "./choose-name.ts";
import type { DeployEnvironment } from "./environment.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { runPostAction } from "./post-action.ts";
import { writeManifest, type Manifest } from "../site/manifest.ts";
import { prepareArtifact, type PreparedArtifact } from "./prepare-artifact.ts";
import { afterwards, currentArtifact, makeCurrent, placeArtifact, withdrawArtifact } from "./publish.ts";
import { siteFiles, type SiteFile } from "./site-files.ts";
import { identityOf, readSource, type Source, type UnnamedIdentity, type Wanted } from "./source.ts";
import { assertSigned, signManifest } from "../site/signature.ts";
import { openStaging, type Staging } from "./staging.ts";
import { placeFiles, removeGone, stageFiles, type StagedFiles } from "./synchronise.ts";
import { authorsTree, checkOut, type WorkingTree } from "./working-tree.ts";
import { writeRollout } from "./write-rollout.ts";

export interface DeployOptions {
  readonly layout: SiteLayout;
  /** The folder to deploy, absolute. */
  readonly source: string;
  readonly wanted: Wanted;
  /** Where the caller has one that shows what is wanted. */
  readonly tree?: WorkingTree;
  readonly environment: DeployEnvironment;
  /** The environment that builds get: nothing that they may not know. */
  readonly env: NodeJS.ProcessEnv;
  /** Build even where the commit was built before. */
  readonly rebuild: boolean;
  /** How long to wait for another deploy, milliseconds; undefined: as configured. */
  readonly waitMs: number | undefined;
  /** File of the private key that the release is to be signed with. */
  readonly signingKey: string | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent | SiteEvent>;
}

export interface Deployment {
  readonly artifact: string;
  /** What was current before; undefined on a first deploy. */
  readonly previous: string | undefined;
  readonly commit: string | undefined;
  readonly dirty: string | undefined;
  /** The artifact was there already. */
  readonly reused: boolean;
  readonly ms: number;
}

/** commit → artifact → publish. Until the pointer moves at the end, nothing that the site runs has changed. */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const startedAt = Date.now();
  let plan = await makePlan(options);
  const { lock, waited } = await takeLock(options, options.waitMs ?? plan.config.lockWaitMs);
  try {
    // Meanwhile the folder may show another commit.
    if (waited) plan = await makePlan(options);
    const { artifact, previous, reused } = await buildAndPublish(options, plan, lock);
    if (options.environment.postAction !== undefined)
      await postAction(options, options.environment.postAction);
    const { commit, dirty } = plan.identity;
    return { artifact, previous, commit, dirty, reused, ms: Date.now() - startedAt };
  } finally {
    await lock.release();
  }
}

/** What is to be deployed, and what it will be called. */
interface Plan {
  readonly config: SiteConfig;
  readonly source: Source;
  readonly identity: UnnamedIdentity;
}

async function makePlan({ layout, source: folder, wanted, environment }: DeployOptions): Promise<Plan> {
  const config = await loadConfig(folder);
  const source = await readSource(folder, wanted, layout);
  const site = validSiteName(await siteName(environment.siteName, config, folder));
  return { config, source, identity: identityOf(source, site, new Date()) };
}

async function takeLock(
  { layout, signal, emit }: DeployOptions,
  waitMs: number,
): Promise<{ readonly lock: HeldLock; readonly waited: boolean }> {
  const heartbeat = startHeartbeat((elapsedMs) => emit({ type: "lock-wait-goes-on", elapsedMs }));
  let waited = false;
  const onWait = ({ owner, pid, host }: LockOwner): void => {
    waited = true;
    emit({ type: "lock-wait", owner, pid, host });
  };
  try {
    return { lock: await acquireLock(layout, { waitMs, signal, onWait }), waited };
  } finally {
    heartbeat.stop();
  }
}

interface Published {
  readonly artifact: string;
  /** What was current before. */
  readonly previous: string | undefined;
  readonly reused: boolean;
}

async function buildAndPublish(options: DeployOptions, plan: Plan, lock: HeldLock): Promise<Published> {
  const staging = await openStaging(options.layout);
  const own = { ...options, layout: staging.layout };
  try {
    const tree = await workingTree(own, plan.source, staging);
    try {
      // The configuration belongs to the commit, as all else.
      const config = plan.source.needsCheckout ? await loadConfig(tree.folder) : plan.config;
      return await publishTree(own, { ...plan, config }, tree, staging, lock);
    } finally {
      await tree.remove();
    }
  } finally {
    await staging.remove();
  }
}

async function publishTree(
  options: DeployOptions,
  plan: Plan,
  tree: WorkingTree,
  staging: Staging,
  lock: HeldLock,
): Promise<Published> {
  const { layout, environment, emit } = options;
  const prepared = await findOrBuild(options, plan, tree, staging);
  const files = await siteFiles(tree.folder, plan.config, layout);
  await expectSigned(layout, prepared.manifest, plan.config, files);
  const staged = await stageFiles(layout, files, staging);
  await installRuntime(layout);
  options.signal.throwIfAborted();
  await lock.confirm();
  await staging.confirm();
  const previous = await publish(options, plan, prepared, staged);
  await afterwards("files that are gone from the source may be left", emit, () =>
    removeGone(layout, tree.folder, files, environment, emit),
  );
  return { artifact: prepared.manifest.artifact, previous, reused: prepared.staged === undefined };
}

async function findOrBuild(
  options: DeployOptions,
  { config, source, identity }: Plan,
  tree: WorkingTree,
  staging: Staging,
): Promise<PreparedArtifact> {
  const { layout, emit, signal, signingKey } = options;
  const found = options.rebuild ? undefined : await findBuilt(layout, identity, signingKey);
  if (found !== undefined) {
    emit({ type: "artifact-reused", artifact: found.artifact });
    return { manifest: found, staged: undefined, recorded: true };
  }
  await tree.providePackages();
  const env = buildEnvironment(options);
  const { folder } = tree;
  const prepared = await prepareArtifact({
    layout,
    folder,
    source,
    identity,
    build: config.build,
    staging,
    env,
    signal,
    emit,
  });
  if (signingKey === undefined) return prepared;
  // What was described is what this run built, in a folder that nobody else could write.
  await staging.confirm();
  const manifest = await signManifest(prepared.manifest, signingKey);
  return { ...prepared, manifest, recorded: false };
}

/** By the configuration that the site will have, before anything of what runs there is touched. Throws ARTIFACT_UNSIGNED. */
async function expectSigned(
  layout: SiteLayout,
  manifest: Manifest,
  { requireSignature }: SiteConfig,
  files: readonly SiteFile[],
): Promise<void> {
  const replacesConfig = files.some(({ path }) => path === CONFIG_FILE);
  const given = process.env["INPLACE_PUBLIC_KEY"] || requireSignature;
  if (replacesConfig && given === undefined) return;
  await assertSigned(layout, manifest.artifact, manifest, { configured: requireSignature });
}

/** The folder itself, or a clean checkout where it does not show the commit. */
async function workingTree(options: DeployOptions, source: Source, staging: Staging): Promise<WorkingTree> {
  const { signal, emit } = options;
  const { repository, commit, folder } = source;
  if (options.tree !== undefined) return options.tree;
  const own = { env: buildEnvironment(options), signal, emit };
  if (!source.needsCheckout || repository === undefined || commit === undefined)
    return authorsTree(await realpath(folder), repository?.top ?? folder, own);
  return checkOut(repository, commit.id, folder, staging.checkout, own);
}

/** All that the site runs changes here, after everything was checked. Gives what was current before. */
async function publish(
  { layout, emit }: DeployOptions,
  { source, config }: Plan,
  { manifest, staged, recorded }: PreparedArtifact,
  files: StagedFiles,
): Promise<string | undefined> {
  const { artifact } = manifest;
  const { id: commit, subject } = source.commit ?? {};
  try {
    if (staged !== undefined) await placeArtifact(layout, staged, manifest);
    else if (!recorded) await writeManifest(layout, manifest);
    await writeRollout(layout, config, emit);
    await placeFiles(layout, files, emit);
    const move = { event: "published" as const, ...(commit && { commit }), ...(subject && { subject }) };
    return await makeCurrent(layout, artifact, move, emit);
  } catch (error) {
    const isCurrent = (await currentArtifact(layout)) === artifact;
    // Best effort: what it left is in nobody's way.
    if (staged !== undefined && !isCurrent) await withdrawArtifact(layout, artifact).catch(() => undefined);
    throw error;
  }
}

async function postAction({ env, source, signal, emit }: DeployOptions, action: string): Promise<void> {
  const onLine = (line: string): void => emit({ type: "post-action-output", line });
  const heartbeat = startHeartbeat((elapsedMs) => emit({ type: "post-action-goes-on", elapsedMs }));
  try {
    await runPostAction(action, {
      cwd: source,
      env,
      signal,
      emit,
      onLine: (line) => {
        heartbeat.heard();
        onLine(line);
      },
    });
  } finally {
    heartbeat.stop();
  }
}

// Kudu empties DEPLOYMENT_TEMP by itself; the system's folder fills up on App Service.
function buildEnvironment({ env, environment: { temp } }: DeployOptions): NodeJS.ProcessEnv {
  return temp === undefined ? env : { ...env, TMPDIR: temp, TEMP: temp, TMP: temp };
}
