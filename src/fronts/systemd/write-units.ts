import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asSiteError, InplaceError } from "../../errors.ts";
import type { UnitFile } from "./units.ts";
import { readOptional } from "../../site/present.ts";

/** Writes the units into a folder and gives their paths. Throws FILE_EXISTS before it would change one that differs. */
export async function writeUnits(
  folder: string,
  units: readonly UnitFile[],
  overwrite: boolean,
): Promise<readonly string[]> {
  const differing: string[] = [];
  for (const { name, content } of units) {
    const found = await readOptional(join(folder, name));
    if (found !== undefined && found !== content) differing.push(name);
  }
  if (differing.length > 0 && !overwrite) {
    throw new InplaceError("FILE_EXISTS", `${differing.join(", ")} in ${folder} would change.`);
  }
  try {
    await mkdir(folder, { recursive: true });
    for (const { name, content } of units) await writeFile(join(folder, name), content);
  } catch (error) {
    throw asSiteError(error, folder);
  }
  return units.map(({ name }) => join(folder, name));
}
