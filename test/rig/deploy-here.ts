import { deploy, type Deployment, type DeployOptions } from "#src/deploy/deploy.js";
import { readEnvironment } from "#src/deploy/environment.js";
import { ERROR_CODES, EXIT, InplaceError } from "#src/errors.js";
import { wordsFor } from "#src/log/words.js";
import { siteLayout } from "#src/site/layout.js";
import { NEUTRAL } from "./source.ts";

export interface DeployHere {
  /** As --commit. */
  readonly commit?: string;
  readonly rebuild?: boolean;
  readonly signingKey?: string;
  /** Beside what the test's own environment says that is not of a deploy. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What the command's exit code, result and lines would be. */
export interface DeployedHere {
  readonly code: number;
  readonly artifact: string;
  readonly reused: boolean;
  readonly error?: { readonly code: string; readonly message: string };
  readonly lines: readonly string[];
}

/**
 * Deploys a folder into a site as the command does, in this process: to start another takes longer than a deploy. What
 * is read of `process.env` itself (INPLACE_PUBLIC_KEY, say) has to be given to the command.
 */
export async function deployHere(
  folder: string,
  site: string | undefined,
  { commit, rebuild = false, signingKey, env: own }: DeployHere = {},
): Promise<DeployedHere> {
  const env = { ...process.env, ...NEUTRAL, NODE_TEST_CONTEXT: undefined, ...own };
  const environment = readEnvironment(env);
  const lines: string[] = [];
  const options: DeployOptions = {
    layout: siteLayout(site ?? environment.target ?? folder),
    source: environment.source ?? folder,
    wanted: wanted(commit, environment.commit),
    environment,
    env,
    rebuild,
    signingKey,
    waitMs: undefined,
    signal: new AbortController().signal,
    emit: (event) => void lines.push(wordsFor(event).text),
  };
  try {
    const { artifact, reused }: Deployment = await deploy(options);
    return { code: EXIT.done, artifact, reused, lines };
  } catch (error) {
    if (!(error instanceof InplaceError)) throw error;
    const { code, message } = error;
    return { code: ERROR_CODES[code].exit, artifact: "", reused: false, error: { code, message }, lines };
  }
}

function wanted(flag: string | undefined, kudu: string | undefined): DeployOptions["wanted"] {
  if (flag !== undefined) return { by: "flag", id: flag };
  return kudu === undefined ? { by: "none" } : { by: "kudu", id: kudu };
}
