import { existsSync } from "node:fs";
import { join, posix } from "node:path";
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
  // package.json is often there for a tool alone.
  const app = await nodeApp(await readProject(folder, ".", readPackage(folder) ?? {}));
  const found = app ?? otherProgram(folder, has) ?? staticPages(has);
  if (found !== undefined) return found;
  const members = await runnableMembers(folder);
  const [only] = members;
  if (only !== undefined && members.length === 1) return only.proposal;
  throw new InplaceError("BUILD_NOT_CONFIGURED", `Nothing in ${folder} says how it is built.`, {
    ...(members.length > 1 && {
      hint: `Run the command in the member of the workspace that is the site: ${members.map(({ member }) => member).join(", ")}.`,
    }),
  });
}

interface RunnableMember {
  readonly member: string;
  readonly proposal: Proposal;
}

/** The members of a workspace that npm start would start. */
async function runnableMembers(root: string): Promise<RunnableMember[]> {
  const found: RunnableMember[] = [];
  for (const member of await workspaceMembers(root)) {
    const manifest = readPackage(join(root, member));
    if (manifest?.scripts?.["start"] === undefined) continue;
    const proposal = await nodeApp(await readProject(root, member, manifest));
    if (proposal === undefined) continue;
    const { build } = proposal;
    const placed =
      "directory" in build ? { ...build, directory: posix.join(member, build.directory) } : build;
    const reasons = [`${member} is the one member of the workspace with a start script`, ...proposal.reasons];
    found.push({ member, proposal: { build: placed, reasons } });
  }
  return found;
}
