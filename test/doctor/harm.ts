import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FindingCode } from "#src/doctor/finding.js";
import type { Surroundings } from "#src/doctor/patient.js";
import type { SiteLayout } from "#src/site/layout.js";
import { temporaryFolder } from "../rig/temporary-site.js";

export interface Ill {
  readonly code: FindingCode;
  readonly how: string;
  readonly harm: (layout: SiteLayout, t: TestContext) => Promise<Partial<Surroundings> | void>;
  /** Where it is not the one of the list. */
  readonly cure?: RegExp;
}

/** A folder of Windows with IIS in it, as far as doctor looks; the schema of a handler that knows processPath only. */
export async function windowsWith(t: TestContext, ...schemas: string[]): Promise<Partial<Surroundings>> {
  const windowsFolder = await temporaryFolder(t);
  const folder = join(windowsFolder, "System32", "inetsrv", "config", "schema");
  await mkdir(folder, { recursive: true });
  for (const name of ["IIS_schema.xml", ...schemas]) {
    await writeFile(
      join(folder, name),
      '<sectionSchema><attribute name="processPath" type="string"/></sectionSchema>',
    );
  }
  return { windowsFolder };
}

export async function webConfig(layout: SiteLayout, attributes: string): Promise<void> {
  const text = await readFile(layout.webConfig, "utf8");
  await writeFile(layout.webConfig, text.replace(/<httpPlatform [^>]*>/, `<httpPlatform ${attributes} />`));
}

export async function config(layout: SiteLayout, value: object): Promise<void> {
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify(value));
}

export async function replaceByFolder(path: string): Promise<void> {
  await rm(path);
  await mkdir(path);
}
