import { InplaceError } from "../errors.ts";
import { TARGET_FOLDER, type SiteLayout } from "./layout.ts";
import { readManifest } from "./manifest.ts";
import { artifactsIn } from "./releases.ts";

const COMMIT_START = /^[0-9a-f]{4,64}$/i;
const MOST_SHOWN = 10;

/**
 * The artifact that a person means: by its name, by the beginning of its name or of its commit (four digits and more), as
 * `_target/NAME` too. What nothing fits is given as it is. Throws ARTIFACT_AMBIGUOUS where several fit.
 */
export async function findArtifact(
  layout: SiteLayout,
  wanted: string,
  names?: Iterable<string>,
): Promise<string> {
  const all = names === undefined ? await artifactsIn(layout) : [...names];
  const name = withoutFolder(wanted);
  if (name === "" || all.includes(name)) return name;
  const byName = all.filter((artifact) => artifact.startsWith(name));
  const found = byName.length > 0 ? byName : await ofCommit(layout, all, name);
  if (found.length <= 1) return found[0] ?? name;
  const shown = found.toSorted().slice(0, MOST_SHOWN).join(", ");
  const more = found.length > MOST_SHOWN ? ` and ${found.length - MOST_SHOWN} more` : "";
  throw new InplaceError("ARTIFACT_AMBIGUOUS", `${name} may be ${shown}${more}.`);
}

async function ofCommit(layout: SiteLayout, all: readonly string[], start: string): Promise<string[]> {
  if (!COMMIT_START.test(start)) return [];
  const digits = start.toLowerCase();
  const found: string[] = [];
  for (const artifact of all) {
    // What was dropped may have the commit in its name only.
    const commit = (await readManifest(layout, artifact))?.commit;
    if (commit?.startsWith(digits) === true || artifact.includes(`-${digits}`)) found.push(artifact);
  }
  return found;
}

/** A shell completes `_target/NAME`, and `_target\NAME/` for a folder. */
function withoutFolder(text: string): string {
  const [, name = text] =
    new RegExp(`^(?:\\.[/\\\\])?${TARGET_FOLDER}[/\\\\]([^/\\\\]+)[/\\\\]?$`).exec(text) ?? [];
  return name;
}
