import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { InplaceError, systemCode } from "../errors.ts";
import { makeFolders } from "../site/records.ts";
import { generateKeys } from "../site/signature.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

const PRIVATE_FILE = "inplace.key";
const PUBLIC_FILE = "inplace.pub";
const OWNER_ONLY = 0o600;

export const defineKeygen: DefineVerb = (program, run) => {
  program
    .command("keygen")
    .description("make a pair of keys to sign releases with")
    .option("--out <folder>", "where to write inplace.key and inplace.pub; outside the site", ".")
    .action(({ out }: { readonly out: string }) => run((context) => runKeygen(context, out)));
};

async function runKeygen({ cwd }: VerbContext, out: string): Promise<Outcome> {
  const folder = resolve(cwd, out);
  const privateFile = join(folder, PRIVATE_FILE);
  const publicFile = join(folder, PUBLIC_FILE);
  const { privateKey, publicKey } = generateKeys();
  await makeFolders(folder);
  await writeNew(privateFile, privateKey, OWNER_ONLY);
  await writeNew(publicFile, publicKey, 0o644);
  const text = [
    `private: ${privateFile}  (for inplace-deploy deploy --sign; keep it from the server)`,
    `public:  ${publicFile}  (on the server, outside the site: INPLACE_PUBLIC_KEY or requireSignature)`,
  ].join("\n");
  return { document: { privateKey: privateFile, publicKey: publicFile }, text };
}

async function writeNew(file: string, content: string, mode: number): Promise<void> {
  try {
    await writeFile(file, content, { flag: "wx", mode });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    throw new InplaceError("USAGE", `${file} is there already.`, { hint: "Name another folder with --out." });
  }
}
