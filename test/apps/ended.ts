import { readdir, readFile } from "node:fs/promises";

/** Processes of a site, by the environment that its launcher gives them; "" for those of no release. */
export async function processesOf(siteRoot: string): Promise<readonly { pid: number; artifact: string }[]> {
  const found: { pid: number; artifact: string }[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environ = await readFile(`/proc/${name}/environ`, "utf8").catch(() => ""); // Gone, or not ours.
    const variables = new Set(environ.split("\0"));
    if (!variables.has(`INPLACE_SITE_ROOT=${siteRoot}`)) continue;
    const artifact = [...variables].find((variable) => variable.startsWith("INPLACE_ARTIFACT="));
    found.push({ pid: Number(name), artifact: artifact?.slice("INPLACE_ARTIFACT=".length) ?? "" });
  }
  return found;
}
