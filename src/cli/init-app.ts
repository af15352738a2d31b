import { initApp, type WrittenFile } from "../deploy/init-app.ts";
import type { Proposal } from "../deploy/infer/proposal.ts";
import { isWebConfig } from "../site/windows-names.ts";
import { checkApp } from "./init-check.ts";
import { table } from "./table.ts";
import type { Outcome, VerbContext } from "./verb.ts";

export interface InitAppFlags {
  readonly force: boolean;
  /** Build it, start it and ask it once. */
  readonly check: boolean;
}

/** Writes into the app in cwd what it needs to be deployed. */
export async function initAppHere(context: VerbContext, { force, check }: InitAppFlags): Promise<Outcome> {
  const { cwd: folder, env, signal } = context;
  const { files, proposal } = await initApp({ folder, force, env, signal });
  const checked = check ? await checkApp(context) : undefined;
  const { build, reasons } = proposal ?? {};
  const document = { files, build, reasons, checked };
  const kept = files.filter(({ state }) => state === "kept");
  const text = [
    table(files.map((file) => [MARKS[file.state], file.path, whatFor(file)])),
    ...(proposal === undefined ? [] : [table(whatWasSeen(proposal))]),
    ...(kept.length === 0
      ? []
      : [
          "kept what differs; inplace-deploy init --force replaces it and keeps a copy (NAME.before-inplace)",
        ]),
    ...(checked === undefined
      ? []
      : [
          `checked: built in ${seconds(checked.buildMs)}, answered GET / with ${checked.status} in ${seconds(checked.answerMs)}`,
        ]),
    nextStep(kept),
  ];
  return { document, text: text.join("\n") };
}

function whatWasSeen({ build, reasons }: Proposal): string[][] {
  return [...reasons.map((reason) => ["saw", reason]), ["build", JSON.stringify(build)]];
}

function whatFor({ state, purpose }: WrittenFile): string {
  return state === "kept" ? `yours; ours ${purpose}` : purpose;
}

function nextStep(kept: readonly WrittenFile[]): string {
  const webConfig = kept.find(({ path }) => isWebConfig(path))?.path;
  return [
    ...(webConfig === undefined
      ? []
      : [`the ${webConfig} here, and not ours, says what IIS and inplace-deploy serve start`]),
    kept.some(({ path }) => path === "deploy.sh")
      ? "commit these files, then: inplace-deploy deploy (bash deploy.sh runs another one than ours)"
      : "commit these files, then: bash deploy.sh --serve",
  ].join("\n");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const MARKS: Readonly<Record<WrittenFile["state"], string>> = {
  written: "wrote",
  unchanged: "as it was",
  kept: "kept",
};
