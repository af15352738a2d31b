// Bundles the command with the packages that it needs, each verb apart: to find and read hundreds of small files takes
// longer than what most verbs do, above all on a network share.
import { rmSync } from "node:fs";
import { build } from "esbuild";

const FOLDER = "dist/bundle";

rmSync(FOLDER, { recursive: true, force: true });
await build({
  entryPoints: ["dist/cli/main.js"],
  outdir: FOLDER,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  // It has programs of its own.
  external: ["esbuild"],
  define: { PACKAGE_FROM_BUNDLE: JSON.stringify("../../") },
  // Packages that are CommonJS ask for Node's modules by require.
  banner: {
    js: 'import { createRequire as createRequireHere } from "node:module"; const require = createRequireHere(import.meta.url);',
  },
  legalComments: "none",
});
