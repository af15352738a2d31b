import { initApp, type WrittenFile } from "../deploy/init-app.ts";
import { table } from "./table.ts";
import type { Outcome, VerbContext } from "./verb.ts";

/** Writes into the app in cwd what it needs to be deployed. */
export async function initAppHere(context: VerbContext, force: boolean): Promise<Outcome> {
  const files = await initApp(context.cwd, force);
  const kept = files.filter(({ state }) => state === "kept");
  const rows = files.map(({ path, state, purpose }) => [MARKS[state], path, purpose]);
  const hint = kept.length === 0 ? [] : ["kept what differs; --force replaces it and keeps a copy"];
  const next = "commit these files, then: bash deploy.sh --serve";
  return { document: { files }, text: [table(rows), ...hint, next].join("\n") };
}

const MARKS: Readonly<Record<WrittenFile["state"], string>> = {
  written: "wrote",
  unchanged: "as it was",
  kept: "kept",
};
