import { existsSync } from "node:fs";
import { join } from "node:path";
import { InplaceError } from "../../errors.ts";
import { readPackage, workspaceMembers } from "../workspace.ts";
import { nodeApp } from "./node-app.ts";
import { otherProgram } from "./programs.ts";
import { readProject } from "./project.ts";
import type { Proposal } from "./proposal.ts";
import { staticPages } from "./static-pages.ts";

/** The build that the folder's content suggests. Nothing is run. Throws BUILD_NOT_CONFIGURED where it suggests none. */
export async function inferBuild(folder: string): Promise<Proposal> {
  const has = (...paths: readonly string[]): string | undefined =>
    paths.find((path) => existsSync(join(folder, path)));
  const manifest = readPackage(folder);
  const own = await nodeApp(await readProject(folder, manifest ?? {}));
  // package.json is often there for a tool alone.
  const found =
    (manifest === undefined ? (own ?? otherProgram(folder, has)) : own) ??
    otherProgram(folder, has) ??
    staticPages(has);
  if (found !== undefined) return found;
  const members = manifest === undefined ? [] : await runnableMembers(folder);
  throw new InplaceError("BUILD_NOT_CONFIGURED", `Nothing in ${folder} says how it is built.`, {
    ...(members.length > 0 && {
      hint: `Run the command in the member of the workspace that is the site: ${members.join(", ")}.`,
    }),
  });
}

/** The members of a workspace that can be started. */
export async function runnableMembers(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const member of await workspaceMembers(root)) {
    const manifest = readPackage(join(root, member));
    if (manifest === undefined || manifest.scripts?.["start"] === undefined) continue;
    if ((await nodeApp(await readProject(join(root, member), manifest))) !== undefined) found.push(member);
  }
  return found;
}
