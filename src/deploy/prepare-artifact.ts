import { basename } from "node:path";
import { DEFAULT_BUILD_LIMIT_MS, type BuildConfig } from "../config/config.ts";
import { asSiteError, InplaceError, systemCode } from "../errors.ts";
import type { DeployEvent, EventSink } from "../events.ts";
import { artifactName } from "../site/artifact-name.ts";
import type { SiteLayout } from "../site/layout.ts";
import {
  contentHash,
  describeArtifact,
  readManifest,
  type ArtifactContent,
  type Manifest,
} from "../site/manifest.ts";
import { buildOutside, expectOnly, guardSite } from "./build-guard.ts";
import { build } from "./builders/build.ts";
import type { Built, BuildRequest, BuildWarning } from "./builders/builder.ts";
import { inferBuild } from "./infer/infer.ts";
import { chooseName } from "./choose-name.ts";
import { startHeartbeat } from "./heartbeat.ts";
import type { Source, UnnamedIdentity } from "./source.ts";
import type { Staging } from "./staging.ts";
import { expectInside, expectOfCommit } from "./taken-files.ts";

/** An artifact that is whole and described. */
export interface PreparedArtifact {
  readonly manifest: Manifest;
  /** Where it waits to be placed; undefined: it is in the target folder already. */
  readonly staged: string | undefined;
  /** The site has this very manifest already. */
  readonly recorded: boolean;
}

export interface PrepareOptions {
  readonly layout: SiteLayout;
  /** The working tree that shows the commit. */
  readonly folder: string;
  readonly source: Source;
  readonly identity: UnnamedIdentity;
  /** undefined: to be inferred from the folder. */
  readonly build: BuildConfig | undefined;
  readonly staging: Staging;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly emit: EventSink<DeployEvent>;
}

/** Builds in staging, describes what came out, and names it. Nothing of the site changes. */
export async function prepareArtifact(options: PrepareOptions): Promise<PreparedArtifact> {
  const { layout, source, identity } = options;
  const { built, content } = await buildGuarded(options);
  const { artifact, taken } = await chooseName(
    layout,
    { ...identity, extension: built.extension },
    content.sha256,
  );
  const manifest: Manifest = {
    schemaVersion: 1,
    artifact,
    origin: "deploy",
    builtAt: identity.builtAt.toISOString(),
    builder: built.builder,
    ...(source.commit && {
      commit: source.commit.id,
      subject: source.commit.subject,
      author: source.commit.author,
    }),
    ...(source.dirty !== undefined && { dirty: source.dirty }),
    ...content,
  };
  const before = taken ? await readManifest(layout, artifact) : undefined;
  if (before !== undefined && tellsTheSame(before, manifest))
    return { manifest: before, staged: undefined, recorded: true };
  return { manifest, staged: taken ? undefined : built.path, recorded: false };
}

/** What a manifest says is kept where the content is the same: a signature over it would be lost. */
function tellsTheSame(before: Manifest, now: Manifest): boolean {
  const sameContent = before.sha256 === now.sha256 && contentHash(before.files) === now.sha256;
  const sameSource =
    before.origin === now.origin && before.commit === now.commit && before.dirty === now.dirty;
  return sameContent && (sameSource || before.signature !== undefined);
}

interface Described {
  readonly built: Built;
  readonly content: ArtifactContent;
}

async function buildGuarded(options: PrepareOptions): Promise<Described> {
  const config = options.build ?? (await inferBuild(options.folder)).build;
  // No foreign code runs in these.
  if (config.builder === "entry" || config.builder === "executable")
    return described(options, await runBuild(config, options));
  const guard = await guardSite(options.layout, options.folder);
  let result: Described;
  try {
    const built = await runBuild(config, options);
    await expectOnly(options.staging, built.path);
    result = await described(options, built);
  } catch (error) {
    const strays = await guard.restore("nothing");
    const empty = error instanceof InplaceError && error.code === "BUILD_EMPTY";
    throw empty && strays.length > 0 ? buildOutside(strays) : error;
  }
  const strays = await guard.restore("artifact");
  if (strays.length > 0) throw buildOutside(strays);
  return result;
}

async function runBuild(config: BuildConfig, options: PrepareOptions): Promise<Built> {
  const built = await runBuilder(config, options);
  await expectFromCommit(config, options, built);
  return built;
}

async function expectFromCommit(
  config: BuildConfig,
  { source: { repository, needsCheckout }, staging, emit }: PrepareOptions,
  { taken }: Built,
): Promise<void> {
  if (repository === undefined) return;
  if (config.builder === "command" || config.allowIgnored === true) return;
  const built = config.builder === "directory" && (config.command ?? config.shell) !== undefined;
  const onWarning = (warning: BuildWarning): void => emit({ type: "build-warning", ...warning });
  await expectInside(needsCheckout ? staging.checkout : repository.top, { taken, onWarning });
  // A clean checkout holds nothing but the commit.
  if (!needsCheckout) await expectOfCommit({ repository, taken, built, onWarning });
}

async function runBuilder(config: BuildConfig, options: PrepareOptions): Promise<Built> {
  const { identity, source, emit } = options;
  const name = artifactName({ ...identity, extension: "" });
  const startedAt = Date.now();
  emit({ type: "build-started", artifact: name, builder: config.builder });
  const heartbeat = startHeartbeat((elapsedMs) => emit({ type: "build-goes-on", elapsedMs }));
  const request: BuildRequest = {
    source: options.folder,
    output: options.staging.output,
    name,
    commit: source.commit?.id,
    site: identity.site,
    env: options.env,
    limitMs: config.timeLimitMs ?? DEFAULT_BUILD_LIMIT_MS,
    signal: options.signal,
    onLine: (line) => {
      heartbeat.heard();
      emit({ type: "build-output", line });
    },
    onWarning: (warning) => emit({ type: "build-warning", ...warning }),
  };
  try {
    const built = await build(config, request);
    emit({ type: "build-ended", artifact: basename(built.path), ms: Date.now() - startedAt });
    return built;
  } catch (error) {
    // Any other system error is about the source, not about the site.
    const full = ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "");
    throw full ? asSiteError(error, options.staging.output) : error;
  } finally {
    heartbeat.stop();
  }
}

async function described({ staging }: PrepareOptions, built: Built): Promise<Described> {
  await staging.confirm();
  try {
    return { built, content: await describeArtifact(built.path) };
  } catch (error) {
    if (!(error instanceof InplaceError)) throw error;
    throw new InplaceError("BUILD_EMPTY", `The build made no usable artifact: ${error.message}`, {
      cause: error,
    });
  }
}
