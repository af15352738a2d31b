import { existsSync } from "node:fs";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { CONFIG_FILE } from "../config/load.ts";
import { asFileError, InplaceError } from "../errors.ts";
import { TARGET_FOLDER } from "../site/layout.ts";
import { generateKeys } from "../site/signature.ts";
import { spellingsOf, WEB_CONFIG } from "../site/windows-names.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

const PRIVATE_FILE = "inplace.key";
const PUBLIC_FILE = "inplace.pub";

interface KeygenFlags {
  readonly out?: string;
  readonly force?: boolean;
}

export const defineKeygen: DefineVerb = (program, run) => {
  program
    .command("keygen")
    .description("make a pair of keys to sign releases with")
    .option(
      "--out <folder>",
      `where to write ${PRIVATE_FILE} and ${PUBLIC_FILE} (default: inplace-deploy in the account's configuration)`,
    )
    .option("--force", "also into a repository or a site")
    .action((flags: KeygenFlags) => run((context) => runKeygen(context, flags)));
};

async function runKeygen({ cwd, env }: VerbContext, { out, force }: KeygenFlags): Promise<Outcome> {
  const folder = out === undefined ? ownFolder(env) : resolve(cwd, out);
  if (force !== true) await expectPrivate(folder);
  const privateFile = join(folder, PRIVATE_FILE);
  const publicFile = join(folder, PUBLIC_FILE);
  for (const file of [privateFile, publicFile]) {
    if (existsSync(file))
      throw new InplaceError("USAGE", `${file} is there already.`, {
        hint: "Name another folder with --out.",
      });
  }
  const { privateKey, publicKey } = generateKeys();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(privateFile, privateKey, { flag: "wx", mode: 0o600 });
    await writeFile(publicFile, publicKey, { flag: "wx", mode: 0o644 });
  } catch (error) {
    throw asFileError(error, folder);
  }
  const text = [
    `private: ${privateFile}  (for inplace-deploy deploy --sign; keep it from the server)`,
    `public:  ${publicFile}  (on the server, outside the site: INPLACE_PUBLIC_KEY or requireSignature)`,
  ].join("\n");
  return { document: { privateKey: privateFile, publicKey: publicFile }, text };
}

/** Where programs keep what belongs to the account. */
function ownFolder(env: NodeJS.ProcessEnv): string {
  const configuration = (process.platform === "win32" ? env["APPDATA"] : env["XDG_CONFIG_HOME"]) || undefined;
  return join(configuration ?? join(homedir(), ".config"), "inplace-deploy");
}

function kindOf(folder: string): "repository" | "site" | undefined {
  if (existsSync(join(folder, ".git"))) return "repository";
  const isSite =
    spellingsOf(join(folder, WEB_CONFIG)).length > 0 ||
    [CONFIG_FILE, TARGET_FOLDER].some((name) => existsSync(join(folder, name)));
  return isSite ? "site" : undefined;
}

/** Throws KEY_EXPOSED where the next commit, or the next deploy, would take the key along: also through a link. */
async function expectPrivate(folder: string): Promise<void> {
  for (let above = await realFolder(folder); ; above = dirname(above)) {
    const what = kindOf(above);
    if (what !== undefined)
      throw new InplaceError(
        "KEY_EXPOSED",
        `${folder} is in the ${what} ${above}: the private key would lie there.`,
      );
    if (dirname(above) === above) return;
  }
}

/** Where it lies once it is made. */
async function realFolder(folder: string): Promise<string> {
  const real = await realpath(folder).catch(() => undefined);
  if (real !== undefined || dirname(folder) === folder) return real ?? folder;
  return join(await realFolder(dirname(folder)), basename(folder));
}
