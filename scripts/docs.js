// Writes the tables of docs/errors.md and docs/configuration.md from the code and the schema. A test calls it with
// --check, which writes nothing and fails where a table is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CODES } from "../dist/errors.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const schema = JSON.parse(readFileSync(`${root}schema/inplace.config.schema.json`, "utf8"));

const TABLES = [
  { file: "docs/errors.md", name: "codes", text: errorTable() },
  { file: "docs/configuration.md", name: "keys", text: keyTable(schema.properties) },
  ...["entry", "executable", "command", "directory"].map((builder) => ({
    file: "docs/configuration.md",
    name: builder,
    text: keyTable(schema.definitions[builder].properties, "build.", schema.definitions[builder].required),
  })),
];

const check = process.argv.includes("--check");
let stale = false;
for (const { file, name, text } of TABLES) {
  const before = readFileSync(root + file, "utf8");
  const after = before.replace(
    new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`),
    (_, open, close) => `${open}\n${text}\n${close}`,
  );
  if (after === before) {
    if (!before.includes(`<!-- table: ${name} -->\n\n${text}\n<!-- end -->`))
      throw new Error(`${file}: no table ${name}`);
    continue;
  }
  stale = true;
  if (check) console.error(`${file}: the table ${name} is out of date; run npm run docs`);
  else writeFileSync(root + file, after);
}
if (check && stale) process.exit(1);

function errorTable() {
  const rows = Object.entries(ERROR_CODES)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { exit, hint }]) => [`\`${code}\``, String(exit), cell(hint)]);
  return table(["Code", "Exit", "What to do"], rows);
}

function keyTable(properties, prefix = "", required = []) {
  return table(["Key", "Value", "Meaning"], keyRows(properties, prefix, required));
}

function keyRows(properties, prefix, required = []) {
  return Object.entries(properties).flatMap(([key, property]) => {
    const value = resolve(property);
    const name = `\`${prefix}${key}\`${required.includes(key) ? " (required)" : ""}`;
    const nested = value.properties ? keyRows(value.properties, `${prefix}${key}.`, value.required) : [];
    return [[name, typeOf(value), cell(value.description ?? "")], ...nested];
  });
}

function resolve(property) {
  if (property.$ref === undefined) return property;
  return { ...schema.definitions[property.$ref.replace("#/definitions/", "")], ...property };
}

function typeOf(value) {
  if (value.const !== undefined) return `\`"${value.const}"\``;
  if (value.enum !== undefined) return value.enum.map((one) => `\`${JSON.stringify(one)}\``).join(" or ");
  if (value.type === "array") return `array of ${typeOf(resolve(value.items ?? {}))}`;
  if (Array.isArray(value.type)) return value.type.join(" or ");
  return value.type ?? "object";
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
