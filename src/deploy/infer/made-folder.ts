import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import type { BuildConfig } from "../../config/config.ts";
import { gitIn } from "../git/git.ts";
import { parseNodeArguments, parseStart } from "../start-line.ts";

/** What build steps call what they make; a folder of another name that is there already may hold sources. */
const BY_CUSTOM = /^(dist|build|out|target|_site|\.output|\.next)$/;

/** The folder that the build step fills, relative with "/", where git neither tracks nor ignores it: it would make each release a dirty one. */
export async function untoldFolder(folder: string, build: BuildConfig): Promise<string | undefined> {
  if (build.builder !== "directory" || (build.command ?? build.shell) === undefined) return undefined;
  const made = build.directory === "." ? startedIn(build.start) : posix.normalize(build.directory);
  if (made === undefined || (existsSync(join(folder, made)) && !BY_CUSTOM.test(made))) return undefined;
  const said = async (...args: string[]): Promise<boolean> =>
    (await gitIn(folder)(...args).catch(() => "")) !== ""; // Without a repository nothing is.
  const isKnown =
    (await said("ls-files", "--", made)) || (await said("check-ignore", "--no-index", "--", `${made}/`));
  return isKnown ? undefined : made;
}

/** The folder of `node dist/main`: dist. */
function startedIn(line: string | undefined): string | undefined {
  const start = parseStart(line ?? "");
  const file = start?.program === "node" ? parseNodeArguments(start.args)?.file : undefined;
  const parts = posix.normalize(file ?? "").split("/");
  return parts.length > 1 && parts[0] !== ".." && parts[0] !== "" ? parts[0] : undefined;
}
