// Compiles the schema of the configuration to a function in a file of its own: the compiler takes longer than all else
// that a command needs before it begins, and no command needs it then.
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const ajv = new Ajv({ discriminator: true, verbose: true, code: { source: true, esm: true } });
// Without the texts that are for editors.
const schema = JSON.parse(readFileSync("schema/inplace.config.schema.json", "utf8"), (key, value) =>
  key === "description" && typeof value === "string" ? undefined : value,
);
await build({
  stdin: { contents: standaloneCode.default(ajv, ajv.compile(schema)), resolveDir: "." },
  outfile: "dist/config/compiled-schema.js",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
});
