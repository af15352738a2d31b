import { realpath } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { InplaceError } from "../../errors.ts";
import { isInside } from "../../paths.ts";
import type { SiteLayout } from "../layout.ts";
import { readSiteConfig } from "../site-config.ts";

/**
 * The file of the public key that releases of this site have to be signed for, or undefined. INPLACE_PUBLIC_KEY, else
 * `configured`, else requireSignature of the site's configuration. Throws SIGNING_KEY_INVALID for a key in the site itself, and
 * CONFIG_UNREADABLE or CONFIG_INVALID where it cannot be told whether one is required.
 */
export async function requiredKey(
  layout: SiteLayout,
  env: NodeJS.ProcessEnv = process.env,
  configured?: string,
): Promise<string | undefined> {
  const file = env["INPLACE_PUBLIC_KEY"] || configured || configuredKey(layout);
  if (file === undefined) return undefined;
  const absolute = isAbsolute(file) ? file : join(layout.root, file);
  if (isInside(await realpath(layout.root), await realpath(absolute).catch(() => absolute))) {
    const what = `The public key ${absolute} lies in the site: who may deploy could replace it.`;
    throw new InplaceError("SIGNING_KEY_INVALID", what, {
      hint: "Keep the public key outside the site root.",
    });
  }
  return absolute;
}

/** Whether a signature may be required; in step with the start of a process, and yes where it cannot be told. */
export function mayNeedSignature(root: string, env: NodeJS.ProcessEnv): boolean {
  if (env["INPLACE_PUBLIC_KEY"]) return true;
  const read = readSiteConfig(root);
  return read.state === "broken" ? mayAsk(read.text) : read.config.requireSignature !== undefined;
}

function configuredKey({ root }: SiteLayout): string | undefined {
  const read = readSiteConfig(root);
  if (read.state === "broken") {
    if (!mayAsk(read.text)) return undefined; // inplace deploy and inplace doctor say what is wrong with it.
    const what = `${read.path} cannot be read, so nobody knows which key releases have to be signed with.`;
    throw new InplaceError("CONFIG_UNREADABLE", what);
  }
  const key = read.config.requireSignature;
  if (key === undefined) return undefined;
  if (typeof key === "string" && key !== "") return key;
  throw new InplaceError("CONFIG_INVALID", "requireSignature of the site's configuration names no file.");
}

/** Whether a configuration that is no JSON asks for a signature. Who wrote it in UTF-16 meant the same. */
function mayAsk(text: string | undefined): boolean {
  return text === undefined || /requireSignature|\\u/.test(text.replaceAll("\0", ""));
}
