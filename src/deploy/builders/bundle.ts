import { resolve } from "node:path";
import { context, formatMessages, type BuildFailure, type BuildOptions, type Metafile } from "esbuild";
import { InplaceError, systemCode } from "../../errors.ts";
import { buildFailed, type BuildRequest } from "./builder.ts";

/** The oldest Node that inplace-deploy runs on. */
const TARGET = "node20.19";

export interface Bundled {
  readonly text: Uint8Array;
  /** All files that are part of it, absolute. */
  readonly inputs: readonly string[];
}

/** Bundles for Node into one text, which `entry` names in errors. Throws BUILD_FAILED with the place, or BUILD_TIMED_OUT. */
export async function bundle(entry: string, options: BuildOptions, request: BuildRequest): Promise<Bundled> {
  const build = await context({
    absWorkingDir: request.source,
    write: false,
    metafile: true,
    bundle: true,
    platform: "node",
    target: TARGET,
    logLevel: "silent",
    ...options,
  }).catch(async (error: unknown) => {
    throw await asBuildError(entry, error);
  });
  const cancel = (): void => void build.cancel();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    cancel();
  }, request.limitMs);
  request.signal.addEventListener("abort", cancel, { once: true });
  try {
    const { warnings, outputFiles, metafile } = await build.rebuild();
    for (const text of await formatMessages(warnings, { kind: "warning" })) request.onLine(text.trimEnd());
    request.signal.throwIfAborted();
    return {
      text: outputFiles?.[0]?.contents ?? new Uint8Array(),
      inputs: inputsOf(metafile, request.source),
    };
  } catch (error) {
    request.signal.throwIfAborted();
    if (timedOut) {
      throw new InplaceError("BUILD_TIMED_OUT", `Bundling ${entry} took over ${request.limitMs / 1000} s.`);
    }
    throw await asBuildError(entry, error);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", cancel);
    await build.dispose();
  }
}

/** What our plugins read has their name before its path. */
function inputsOf(metafile: Metafile | undefined, source: string): string[] {
  return Object.keys(metafile?.inputs ?? {}).map((path) => resolve(source, path.replace(/^[\w-]{2,}:/, "")));
}

async function asBuildError(entry: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || systemCode(error) !== undefined) return error;
  // No message about the source: esbuild itself failed, killed for want of memory, say.
  if (!("errors" in error)) return buildFailed(`Bundling ${entry} failed`, [`esbuild: ${error.message}`]);
  const messages = await formatMessages((error as BuildFailure).errors, { kind: "error" });
  return buildFailed(`Bundling ${entry} failed`, messages.join("").trimEnd().split("\n"));
}
