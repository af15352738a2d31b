import { readFile, writeFile } from "node:fs/promises";
import { APPS } from "./catalogue/index.ts";
import { allKept, lostOf, passed, type Result } from "./results.ts";

const FILE = "docs/apps.md";
const HEAD = `| app | version | front | | lost of sent | swap | longest wait | bad build | configured beyond init | remark |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |`;

/** Writes the chapter from the results that are kept; an app without one keeps its rows. */
export async function writeTable(): Promise<void> {
  const results = await allKept();
  const rows = new Map<string, string>();
  for (const row of await writtenRows()) rows.set(keyOf(row), row);
  for (const result of results) rows.set(keyOf(line(result)), line(result));
  const table = [...rows.values()].sort();
  const names = new Set(table.map((row) => cellsOf(row)[0]));
  const good = table.filter((row) => cellsOf(row)[3] === "ok").length;
  const text = `# Apps

\`npm run test:apps\` takes apps as their own projects document them, with pinned packages, from \`inplace-deploy init\` to four swaps under
50 to 60 requests a second, on new and on kept connections, with POST bodies where the app takes them; no visitor of ours
retries. The third release is a bad build, which must not go live, the fourth mends it. Lost is what was refused, reset, cut,
answered by a 5xx or not within 10 s, or by an old release 6 s after \`deploy --wait\` came back. The swap time is the median from
the change of the pointer to the first answer of the new release. "ok" also means that \`deploy --wait\` told the good from the
bad, and that the old processes were gone at the end.

\`--only NAME,NAME\`, \`--front serve\`, \`--shard 1/4\` and \`--resume\` choose; \`--large\` adds what takes minutes to install, and
\`--ci\` runs the small ones as tests. This table is written by each run, from the last result of each app; most ran beside
another app on two cores, which the times show: ${names.size} apps, ${good} of ${table.length} runs ok. Not among them: a Unix socket
in PORT, on which neither front listens; there [launchers](launchers.md) start the artifact itself.

${HEAD}
${table.join("\n")}
`;
  await writeFile(FILE, text);
}

/** Those of the last time. */
async function writtenRows(): Promise<readonly string[]> {
  const text = await readFile(FILE, "utf8").catch(() => "");
  const known = new Set(APPS.map(({ name }) => name));
  return text.split("\n").filter((row) => row.startsWith("| ") && known.has(cellsOf(row)[0] ?? ""));
}

/** App and front. */
function keyOf(row: string): string {
  const [app, , front] = cellsOf(row);
  return `${app} ${front}`;
}

function cellsOf(row: string): readonly string[] {
  return row.slice("| ".length).split(" | ");
}

function line(result: Result): string {
  const { outcome } = result;
  const numbers =
    "failed" in outcome
      ? ["", "", ""]
      : [
          `${lostOf(outcome)} of ${outcome.sent}`,
          median(outcome.swaps.flatMap(({ swapMs }) => swapMs ?? [])),
          `${outcome.longestMs} ms`,
        ];
  const cells = [
    result.app,
    result.version,
    `\`${result.front}\``,
    passed(result) ? "ok" : "not ok",
    ...numbers,
    result.bad,
    result.configured,
    [result.remark, ...faultsOf(result)].filter((part) => part !== "").join("; "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;
}

/** The first two, without paths of the machine. */
function faultsOf({ outcome }: Result): readonly string[] {
  const faults = "failed" in outcome ? [outcome.failed.split("\n")[0] ?? ""] : outcome.faults.slice(0, 2);
  return faults.map((fault) => fault.replaceAll(/\/\S*inplace [^/\s]*/g, "…").slice(0, 160));
}

function median(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? "" : `${middle} ms`;
}
