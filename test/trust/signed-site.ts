import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { markGood } from "#src/site/health-marks.js";
import type { SiteLayout } from "#src/site/layout.js";
import { describeArtifact, writeManifest } from "#src/site/manifest.js";
import { writePointer } from "#src/site/pointer.js";
import { installRuntime } from "#src/site/runtime-bundle.js";
import { generateKeys, signManifest } from "#src/site/signature.js";
import { freePort } from "../rig/free-port.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { webConfig } from "../platform/site.js";
import { start, type Started } from "../runtime/launched-site.js";

export const RELEASE = "shop-1";

/** A site with launchers, web.config and runtime as a deploy leaves them, whose one release is a signed folder. */
export interface SignedSite {
  readonly layout: SiteLayout;
  /** Outside the site. */
  readonly publicKey: string;
  readonly privateKey: string;
  /** The artifact's own folder in `_target`. */
  readonly artifact: string;
  /** A file outside the site that hostile code writes: whether it is there says whether such code ran. */
  readonly proof: string;
  /** Source of a module, or of a shell script, that leaves the proof. */
  readonly evil: { readonly module: string; readonly shell: string };
}

/** Answers what the files say that were signed: /late loads one of them only then. */
const APP = `
import { createServer } from "node:http";
import { createRequire } from "node:module";
let who = "SIGNED v1";
try { who = createRequire(import.meta.url)("bufferutil").who; } catch {}
createServer(async (request, response) => {
  response.end(request.url === "/late" ? (await import("./late.mjs")).who : who);
}).listen(process.env.PORT, "127.0.0.1");
`;

export async function signedSite(t: TestContext, files: Record<string, string> = {}): Promise<SignedSite> {
  const layout = await temporarySite(t);
  const outside = await temporaryFolder(t);
  const proof = join(outside, "proof");
  const [privateKey, publicKey] = [join(outside, "key"), join(outside, "pub")];
  const keys = generateKeys();
  await writeFile(privateKey, keys.privateKey);
  await writeFile(publicKey, keys.publicKey);
  for (const name of ["launch.sh", "launch.cmd"]) await copyFile(resolve(name), join(layout.root, name));
  await writeFile(
    layout.webConfig,
    webConfig('processPath=".\\launch.cmd" startupTimeLimit="20" startupRetryCount="1"'),
  );
  await installRuntime(layout);
  const artifact = join(layout.target, RELEASE);
  const content = {
    "index.mjs": APP,
    "late.mjs": 'export const who = "SIGNED late";\n',
    "_entry.txt": "index.mjs\n",
    ...files,
  };
  await writeFiles(artifact, content);
  const described = await describeArtifact(artifact);
  const builtAt = new Date().toISOString();
  const manifest = { schemaVersion: 1, artifact: RELEASE, origin: "deploy", builtAt, ...described } as const;
  await writeManifest(layout, await signManifest(manifest, privateKey));
  await writePointer(layout, RELEASE);
  await markGood(layout, RELEASE);
  const leave = `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "ran")`;
  const evil = {
    module: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url); ${leave};\n`,
    shell: `#!/bin/sh\necho ran >'${proof}'\n`,
  };
  return { layout, publicKey, privateKey, artifact, proof, evil };
}

export async function writeFiles(folder: string, files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** What starts releases of a site. */
export const STARTERS = ["launch.sh", "serve", "supervise"] as const;
export type Starter = (typeof STARTERS)[number];

export interface RunningSite {
  readonly started: Started;
  /** The answer's status and text, waited for; "refused" where nothing was started. */
  ask(path?: string): Promise<string>;
}

const COMMAND = resolve("bin/inplace.js");

/** Starts the site's release as its platform would; ended with the test. */
export async function startSite(
  t: TestContext,
  starter: Starter,
  layout: SiteLayout,
  env: NodeJS.ProcessEnv,
  uid?: number,
): Promise<RunningSite> {
  const port = await freePort();
  const at = ["--site-root", layout.root, "--port", String(port)];
  const started =
    starter === "launch.sh"
      ? start(t, "sh", [join(layout.root, "launch.sh")], { env: { ...env, PORT: String(port) }, uid })
      : start(t, process.execPath, [COMMAND, starter, ...at], { env });
  let ended = false;
  void started.exited.then(() => (ended = true));
  const said = (): string => started.stdout() + started.stderr();
  const ask = async (path = "/"): Promise<string> =>
    await until(
      () => `an answer to ${path}; it said ${said()}`,
      async () => {
        if (ended || /\bwaiting for a release\b|\bdid not start\b/i.test(said())) return "refused";
        const answer = await answerOf(port, path);
        return answer?.startsWith("5") === true ? "refused" : answer?.slice(4);
      },
    );
  return { started, ask };
}

function answerOf(port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      text(response).then(
        (body) => resolve(`${response.statusCode} ${body}`),
        () => resolve(undefined),
      );
    }).on("error", () => resolve(undefined));
  });
}
