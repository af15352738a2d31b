import { resolve } from "node:path";
import { signAll, signingInSite, signingOf, type Signing } from "../deploy/sign.ts";
import { InplaceError } from "../errors.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import { findArtifact } from "../site/find-artifact.ts";
import { table } from "./table.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface SignFlags {
  readonly key?: string;
  readonly out?: string;
  readonly yes?: boolean;
}

export const defineSign: DefineVerb = (program, run) => {
  program
    .command("sign <artifact...>")
    .description("sign artifacts that were built elsewhere, or by another account")
    .option("--key <file>", "the private key (default: INPLACE_SIGNING_KEY)")
    .option("--out <folder>", "artifacts are paths, not names in _target: their manifests go to this folder")
    .option("-y, --yes", "do not ask; needed where there is no terminal")
    .action((artifacts: readonly string[], flags: SignFlags) =>
      run((context) => runSign(context, artifacts, flags)),
    );
};

async function runSign(
  context: VerbContext,
  artifacts: readonly string[],
  flags: SignFlags,
): Promise<Outcome> {
  const key = flags.key === undefined ? context.signingKey : resolve(context.cwd, flags.key);
  if (key === undefined) {
    throw new InplaceError(
      "USAGE",
      "Sign with which key? Name its file with --key, or in INPLACE_SIGNING_KEY.",
    );
  }
  const signings = await Promise.all(artifacts.map(await finder(context, flags.out)));
  const shown = table([["artifact", "commit", "files", "bytes", "sha256"], ...signings.map(row)]);
  if (flags.yes !== true) await expectConsent(context, shown);
  await signAll(signings, key);
  return {
    document: { signed: signings.map(({ manifest, file }) => ({ ...facts(manifest), manifest: file })) },
    text: `${shown}\n${signings.map(({ file }) => `signed: ${file}`).join("\n")}`,
  };
}

async function finder(
  context: VerbContext,
  out: string | undefined,
): Promise<(artifact: string) => Promise<Signing>> {
  if (out !== undefined) return (path) => signingOf(resolve(context.cwd, path), resolve(context.cwd, out));
  const { layout } = await openDeployFolder(context.site());
  return async (name) => signingInSite(layout, await findArtifact(layout, name));
}

function facts({ artifact, commit, files, size, sha256 }: Signing["manifest"]) {
  return { artifact, commit: commit ?? null, files: files.length, size, sha256 };
}

function row({ manifest }: Signing): string[] {
  const { artifact, commit, files, size, sha256 } = facts(manifest);
  return [artifact, commit?.slice(0, 10) ?? "-", String(files), String(size), sha256];
}

/** Throws DECLINED, and CONFIRMATION_NEEDED where there is nobody to ask. */
async function expectConsent({ confirm }: VerbContext, shown: string): Promise<void> {
  if (confirm === undefined) {
    throw new InplaceError("CONFIRMATION_NEEDED", "Signing asks first, and there is no terminal: say --yes.");
  }
  if (await confirm(`${shown}\nSign this?`)) return;
  throw new InplaceError("DECLINED", "Not signed.");
}
