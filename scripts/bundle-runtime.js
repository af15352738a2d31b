// Bundles what launchers preload: register.mjs; start-check.mjs, which it imports where an artifact is to be hashed; watch.mjs, which it imports once the app listens; and archive.mjs, which
// that imports when somebody drops an archive. And what they start for a handover: supervise.mjs with the programs that it
// starts as workers, or preloads into them. And choose.mjs, which launchers ask where a signature is required.
// bundle.json names the version that this content gets in a site, so that no content is ever overwritten there.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";

const FOLDER = "dist/runtime/bundle";
const ENTRIES = {
  register: "src/runtime/register.ts",
  "start-check": "src/runtime/start-check.ts",
  watch: "src/runtime/site-side.ts",
  archive: "src/watch/archive/adopt-archive.ts",
  supervise: "src/cli/supervise-launched.ts",
  supervised: "src/runtime/worker/worker-preload.ts",
  "port-program": "src/supervisor/port-program.ts",
  "inherit-program": "src/supervisor/inherit-program.ts",
  choose: "src/supervisor/choose-program.ts",
};

const loadedLater = {
  name: "loaded-later",
  setup({ onResolve }) {
    for (const [name, entry] of Object.entries(ENTRIES)) {
      onResolve({ filter: new RegExp(`/${basename(entry).replace(".", "\\.")}$`) }, ({ kind }) =>
        kind === "dynamic-import" ? { path: `./${name}.mjs`, external: true } : undefined,
      );
    }
  },
};

// yauzl is CommonJS and asks for Node's modules by require.
const REQUIRE =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

async function bundle([name, entry]) {
  const { outputFiles } = await build({
    entryPoints: { [name]: entry },
    outdir: FOLDER,
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    outExtension: { ".js": ".mjs" },
    plugins: [loadedLater],
    define: { SITE_SIDE_FILE: JSON.stringify("./watch.mjs") },
    ...(name === "archive" && { banner: { js: REQUIRE } }),
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
  });
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), contents }));
}

const files = (await Promise.all(Object.entries(ENTRIES).map(bundle))).flat();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const hash = createHash("sha256");
for (const { name, contents } of files) {
  hash.update(`${name}\0`).update(contents);
  writeFileSync(`${FOLDER}/${name}`, contents);
}
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const described = {
  version: `${version}-${hash.digest("hex").slice(0, 8)}`,
  files: files.map(({ name }) => name),
};
writeFileSync(`${FOLDER}/bundle.json`, `${JSON.stringify(described, null, 2)}\n`);
