import { join } from "node:path";
import { InplaceError } from "../errors.ts";
import { exists, readOptional } from "../site/present.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** A handler brings the schema of its section, and IIS takes no attribute that the schema does not know. */
const SCHEMAS = {
  httpPlatform: ["httpplatform_schema.xml"],
  aspNetCore: ["aspnetcore_schema_v2.xml", "aspnetcore_schema.xml"],
} as const;

/**
 * Whether the handler of this machine's IIS is there and takes what web.config says. Its version itself is written in
 * its DLL only; what differs from version to version is the schema.
 */
export async function checkHandler({ webConfig, windowsFolder }: Patient): Promise<readonly Finding[]> {
  if (windowsFolder === undefined || webConfig instanceof InplaceError) return [];
  if (!(await showsIis(windowsFolder))) return []; // No IIS here, or not for this account to see.
  const folder = schemaFolder(windowsFolder);
  const { section, attributes } = webConfig;
  const texts = await Promise.all(SCHEMAS[section].map((name) => readOptional(join(folder, name))));
  const schema = texts.find((text) => text !== undefined);
  if (schema === undefined) {
    return [finding("HANDLER_MISSING", `${folder} holds no ${SCHEMAS[section].join(" or ")}.`)];
  }
  const known = new Set([...schema.matchAll(/<attribute\s+name="(\w+)"/gi)].map(([, name]) => name));
  return attributes
    .filter((name) => !known.has(name))
    .map((name) =>
      finding("HANDLER_LACKS_ATTRIBUTE", `The <${section}> of this machine's IIS has no ${name}.`),
    );
}

function schemaFolder(windowsFolder: string): string {
  return join(windowsFolder, "System32", "inetsrv", "config", "schema");
}

export async function showsIis(windowsFolder: string): Promise<boolean> {
  return await exists(join(schemaFolder(windowsFolder), "IIS_schema.xml")).catch(() => false);
}
