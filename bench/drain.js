// Prints the table of docs/drain.md: what each way of stopping a server loses, and how long it takes.
// node drain.js [PART OF A BEHAVIOUR'S NAME]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { behaviours } from "./behaviours.js";
import { subjects } from "./subjects.js";

const CELL_TIMEOUT_MS = 30_000;

const wanted = process.argv[2] ?? "";
const names = Object.keys(subjects);
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
console.log(`Node ${process.version}, ${process.platform}, ${new Date().toISOString().slice(0, 10)}\n`);
console.log(`| lost of sent, time to stop | ${names.map(titled).join(" | ")} |`);
console.log(`|---|${names.map(() => "---|").join("")}`);
for (const behaviour of Object.keys(behaviours)) {
  if (!behaviour.includes(wanted)) continue;
  const cells = names.map((subject) => measure(subject, behaviour));
  console.log(`| ${behaviour} | ${cells.join(" | ")} |`);
}

function titled(name) {
  const version = dependencies[name] ?? dependencies[`@godaddy/${name}`];
  return version === undefined ? name : `${name} ${version}`;
}

function measure(subject, behaviour) {
  const { stdout } = spawnSync(process.execPath, ["cell.js", subject, behaviour], {
    cwd: import.meta.dirname,
    encoding: "utf8",
    timeout: CELL_TIMEOUT_MS,
  });
  if (!stdout) return "no result";
  const { sent, lost, ms } = JSON.parse(stdout);
  const time = ms === null ? "hangs" : `${ms} ms`;
  if (sent === undefined) return time;
  return `${lost > 0 ? `**${lost}/${sent}**` : `${lost}/${sent}`}, ${time}`;
}
