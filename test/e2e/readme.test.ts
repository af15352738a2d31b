import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../rig/free-port.ts";
import { pageOf } from "../rig/page.ts";
import { runProgram, startProgram, type Program } from "../rig/program.ts";
import { PROJECT, projectRepository } from "../rig/project.ts";
import { until } from "../rig/until.ts";

/** One fenced `console` block: lines with `$ ` are typed, the others are shown. */
interface Typed {
  readonly command: string;
  readonly shown: readonly string[];
}

/** These run the tests, the demo or a registry: what they do is tested elsewhere. */
const NOT_HERE = /^npm\b/;
/** Lines that only a machine without the packages shows; here they are linked. */
const ONLY_WHEN_NEW = /^installing packages$/;
const START_TIMEOUT_MS = 60_000;

test("the commands of the README, typed in a fresh clone, show what the README shows", async (t) => {
  const blocks = consoleBlocks(await readFile(join(PROJECT, "README.md"), "utf8"));
  const repository = await projectRepository(t);
  const port = await freePort();
  const person = { NAME: "A Reader", EMAIL: "reader@example.org" };
  const env = {
    PORT: String(port),
    ...Object.fromEntries(
      ["AUTHOR", "COMMITTER"].flatMap((role) =>
        Object.entries(person).map(([key, value]) => [`GIT_${role}_${key}`, value]),
      ),
    ),
  };
  const options = { cwd: repository.folder, env };
  let server: Program | undefined;
  let run = 0;
  for (const { command, shown } of blocks) {
    if (NOT_HERE.test(command)) continue;
    run += 1;
    if (command === "") {
      // Output without a command: what the first terminal shows meanwhile.
      await assertComes(() => server?.output ?? "", shown);
    } else if (command.endsWith("--serve")) {
      server = startProgram(t, "bash", ["-c", `exec ${command}`], options);
      await until("the first page", async () => (await pageOf(port)) !== "", START_TIMEOUT_MS);
      await assertComes(() => server?.output ?? "", shown);
    } else {
      const { code, stdout, stderr } = await runProgram(t, "bash", ["-c", command], options);
      assert.equal(code, 0, `${command}\n${stdout}\n${stderr}`);
      assertShape(command, `${stdout}${stderr}`, shown);
    }
    if (server !== undefined) await until("the site answers", async () => (await pageOf(port)) !== "");
  }
  assert.ok(run >= 4 && server !== undefined, `${run} commands of the README were run`);
});

function consoleBlocks(markdown: string): Typed[] {
  return [...markdown.matchAll(/^```console\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => {
    const typed: { command: string; shown: string[] }[] = [];
    for (const line of block.split("\n").filter((text) => text.trim() !== "")) {
      if (line.startsWith("$ ")) typed.push({ command: line.slice(2), shown: [] });
      else if (typed.length === 0) typed.push({ command: "", shown: [line] });
      else typed.at(-1)?.shown.push(line);
    }
    return typed;
  });
}

/** For lines of several processes, whose order is not promised. */
async function assertComes(output: () => string, shown: readonly string[]): Promise<void> {
  const missing = (): string[] => shown.filter((line) => !holds(output(), [line]));
  await until("the lines", () => missing().length === 0).catch((error: unknown) => {
    const message = `The server shows\n${output()}\nand not, as the README says,\n${missing().join("\n")}`;
    throw new Error(message, { cause: error });
  });
}

function assertShape(command: string, output: string, shown: readonly string[]): void {
  assert.ok(holds(output, shown), `${command} shows\n${output}\nand the README says\n${shown.join("\n")}`);
}

/** Whether the lines shown are all there and in order; numbers and commits may be others. */
function holds(output: string, shown: readonly string[]): boolean {
  const lines = output.split("\n").map(shape);
  let from = 0;
  return shown
    .filter((line) => !ONLY_WHEN_NEW.test(line))
    .every((line) => {
      const at = lines.indexOf(shape(line), from);
      from = at + 1;
      return at >= 0;
    });
}

function shape(line: string): string {
  return line
    .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, "") // A terminal shows no times.
    .replace(/ \(connections: [^)]*\)/, "") // Which are open then depends on how long the deploy took.
    .replace(/\b[0-9a-f]{10}\b/g, "COMMIT")
    .replace(/\d+(\.\d+)?/g, "N")
    .trimEnd();
}
