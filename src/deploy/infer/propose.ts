import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InplaceError } from "../../errors.ts";
import { build } from "../builders/build.ts";
import type { BuildWarning } from "../builders/builder.ts";
import { tryArtifact, TRIAL_MS } from "../trial.ts";
import { inferBuild } from "./infer.ts";
import type { Proposal } from "./proposal.ts";

const BUNDLE_MS = 60_000;

/** As inferBuild, and a bundle where one answers that is started far away from the app's packages. */
export async function proposeBuild(
  folder: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Proposal> {
  const proposal = await inferBuild(folder);
  const { bundle, reasons } = proposal;
  if (bundle === undefined) return proposal;
  const failure = await failureOf(folder, bundle.build, env, signal);
  if (failure !== undefined) return { ...proposal, reasons: [...reasons, `no bundle: ${failure}`] };
  return { build: bundle.build, reasons: [reasons[0] ?? "", bundle.reason] };
}

/** Why the bundle does not serve, in a line; undefined: it answered. */
async function failureOf(
  folder: string,
  config: Proposal["build"],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const place = await realpath(await mkdtemp(join(tmpdir(), "inplace-trial-")));
  try {
    const output = join(place, "out");
    await mkdir(output);
    const warnings: string[] = [];
    const onLine = (line: string): void => void warnings.push(line);
    const request = {
      source: folder,
      output,
      name: "trial",
      commit: undefined,
      site: "trial",
      env,
      limitMs: BUNDLE_MS,
      signal,
      onLine,
      onWarning: ({ message }: BuildWarning): void => void warnings.push(message),
    };
    const { path } = await build(config, request);
    const [warning] = warnings;
    if (warning !== undefined) return warning.split("\n")[0];
    const tried = await tryArtifact(path, { cwd: place, env, limitMs: TRIAL_MS, signal });
    if (tried.result === "failed") return [tried.why, lastError(tried.tail)].filter(Boolean).join(": ");
    return tried.status < 500 ? undefined : `it answered with status ${tried.status}`;
  } catch (error) {
    if (!(error instanceof InplaceError) || error.code === "INTERRUPTED") throw error;
    return (
      error.message
        .split("\n")
        .find((line) => /error/i.test(line))
        ?.trim() ?? error.message.split("\n")[0]
    );
  } finally {
    await rm(place, { recursive: true, force: true, maxRetries: 5 });
  }
}

function lastError(tail: readonly string[]): string | undefined {
  return (tail.find((line) => /error/i.test(line)) ?? tail.at(-1))?.trim();
}
