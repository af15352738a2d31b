import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { readPointer } from "#src/site/pointer.js";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { writeSite } from "../platform/site.js";
import { freePort } from "../rig/free-port.js";
import { alive } from "../rig/alive.js";
import { unlessInstalled } from "../rig/installed.js";
import { PROJECT } from "../rig/project.js";
import { runProgram } from "../rig/program.js";
import { atTerminal, sourceRepository } from "../rig/source.js";
import { temporaryFolder, temporarySite } from "../rig/temporary-site.js";
import { UnreadProgram } from "../rig/unread-program.js";
import { OFTEN_MS, until } from "../rig/until.js";
import { handoverSite } from "../supervisor/handover-site.js";
import { publish } from "../supervisor/supervised-site.js";

const INPLACE = join(PROJECT, "bin", "inplace.js");
const STREAMS = new URL("../../dist/standard-streams.js", import.meta.url).href;
const LINE = "x".repeat(92);

/** Writes as many lines as a request's path says, and answers how many bytes the process that keeps it has in memory. */
const CHATTY = `
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
createServer(({ url }, response) => {
  process.stdout.write("${LINE}\\n".repeat(Number(url.slice(1))), () => {
    const status = readFileSync("/proc/" + process.ppid + "/status", "utf8");
    response.end(process.ppid + " " + /VmRSS:\\s+(\\d+)/.exec(status)[1]);
  });
}).listen(process.env.PORT, "127.0.0.1");
`;
const LINES_OF_2_MB = 2 * 11_000;
/** Beyond what it has before: the bound, copies of it on their way, and what its own work takes. Kilobytes. */
const MOST_GROWTH_KB = 40_000;

async function ask(port: number, lines: number): Promise<{ keeper: number; kilobytes: number }> {
  const answer = await fetch(`http://127.0.0.1:${port}/${lines}`, { headers: { connection: "close" } });
  const [keeper = 0, kilobytes = 0] = (await answer.text()).split(" ").map(Number);
  return { keeper, kilobytes };
}

const answers = (port: number) => until("it serves", async () => await ask(port, 0).catch(() => undefined));

test("of lines that nobody reads a bounded part waits, and who reads again is told how many are lost", async (t) => {
  const count = 200_000;
  const script = `
    import { setImmediate as turn } from "node:timers/promises";
    const { standardOutput, outputWritten } = await import(${JSON.stringify(STREAMS)});
    const before = process.memoryUsage().rss;
    for (let line = 0; line < ${count}; line += 1) {
      standardOutput.write("line " + line + " ${LINE}\\n");
      if (line % 500 === 0) await turn();
    }
    const grown = process.memoryUsage().rss - before;
    process.stdin.once("end", async () => {
      const written = await outputWritten(10_000);
      standardOutput.write("grown " + Math.round(grown / 1024) + " " + written + "\\n");
    }).resume();
  `;
  const args = ["--input-type=module", "-e", script];
  const program = new UnreadProgram(t, process.execPath, args, { cwd: PROJECT });
  await program.begun();
  const ended = program.ended();
  const output = await program.rest();
  assert.equal(await ended, 0);
  const kept = output.match(/^line \d+/gm)?.map((line) => Number(line.slice(5))) ?? [];
  const lost = [...output.matchAll(/^inplace: nobody read .*: (\d+) lines? \(\d+ bytes\) are lost$/gm)];
  assert.ok(lost.length > 0, output.slice(-300));
  assert.equal(kept.length + lost.reduce((sum, [, lines]) => sum + Number(lines), 0), count);
  assert.deepEqual(
    kept,
    kept.toSorted((a, b) => a - b),
  );
  const [, grown = "", written] = /^grown (\d+) (\w+)$/m.exec(output) ?? [];
  assert.equal(written, "true");
  assert.ok(Number(grown) < MOST_GROWTH_KB, `${grown} KB`);
});

interface Kept {
  readonly program: UnreadProgram;
  readonly port: number;
}

/** What runs a site, and how it is started. */
const KEEPERS = {
  serve: async (t: TestContext): Promise<Kept> =>
    await keep(t, await chattySite(t), [process.execPath, INPLACE, "serve"]),
  "nohup serve": async (t: TestContext): Promise<Kept> =>
    await keep(t, await chattySite(t), ["nohup", process.execPath, INPLACE, "serve"]),
  supervise: async (t: TestContext): Promise<Kept> => {
    const layout = await temporarySite(t);
    await publish(layout, "app-1.mjs", CHATTY);
    return await keep(t, layout, [process.execPath, INPLACE, "supervise"]);
  },
  "launch.sh": async (t: TestContext): Promise<Kept> => {
    const layout = await handoverSite(t);
    await publish(layout, "app-2.mjs", CHATTY);
    const port = await freePort();
    const env = { PORT: String(port) };
    return { program: new UnreadProgram(t, "sh", ["launch.sh"], { cwd: layout.root, env }), port };
  },
};

async function chattySite(t: TestContext): Promise<SiteLayout> {
  const layout = await temporarySite(t);
  await writeFile(join(layout.root, "app.mjs"), CHATTY);
  await writeSite(layout, "", `exec '${process.execPath}' app.mjs`);
  return layout;
}

async function keep(t: TestContext, layout: SiteLayout, command: [string, ...string[]]): Promise<Kept> {
  const port = await freePort();
  const [program, ...args] = [...command, "--port", String(port)] as const;
  return { program: new UnreadProgram(t, program, args, { cwd: layout.root }), port };
}

for (const name of ["serve", "launch.sh"] as const) {
  test(`${name} keeps a bounded part of an output that nobody reads, and ends when asked`, async (t) => {
    const { program, port } = await KEEPERS[name](t);
    const before = await answers(port);
    for (let time = 0; time < 3; time += 1) await ask(port, LINES_OF_2_MB);
    const { kilobytes } = await ask(port, LINES_OF_2_MB);
    const grown = kilobytes - before.kilobytes;
    assert.ok(grown < MOST_GROWTH_KB, `${grown} KB`);
    assert.equal(await program.ended("SIGTERM"), 0);
  });
}

for (const name of ["serve", "supervise"] as const) {
  test(`${name} serves on when the reader of its output has gone, and ends when asked`, async (t) => {
    const { program, port } = await KEEPERS[name](t);
    await answers(port);
    program.leave();
    await ask(port, 100);
    assert.equal((await ask(port, 100)).keeper, program.pid);
    assert.equal(await program.ended("SIGTERM"), 0);
  });
}

const STOP_OUTPUT = "\u0013"; // Ctrl+S

test("a stopped terminal holds up neither serve nor its end", unlessInstalled("script"), async (t) => {
  const layout = await chattySite(t);
  const port = await freePort();
  const shown = atTerminal(t, ["serve", "--port", String(port)], layout.root);
  const { keeper } = await answers(port);
  shown.process.stdin?.write(STOP_OUTPUT);
  for (let time = 0; time < 2; time += 1) await ask(port, LINES_OF_2_MB);
  process.kill(keeper, "SIGTERM");
  await until("it has ended", () => !alive(keeper));
});

test("serve ends with its terminal", unlessInstalled("script"), async (t) => {
  const layout = await chattySite(t);
  const port = await freePort();
  const shown = atTerminal(t, ["serve", "--port", String(port)], layout.root);
  const { keeper } = await answers(port);
  shown.process.kill("SIGKILL");
  await until("it has ended", () => !alive(keeper));
});

test("serve under nohup, and wherever there is no terminal, outlives a hang-up", async (t) => {
  const { program, port } = await KEEPERS["nohup serve"](t);
  await answers(port);
  process.kill(program.pid, "SIGHUP");
  await ask(port, 1);
  assert.equal((await ask(port, 1)).keeper, program.pid);
  assert.equal(await program.ended("SIGTERM"), 0);
});

/** A repository that is its own site, whose build writes more than a pipe takes and goes on for `seconds`. */
async function chattySource(t: TestContext, seconds = 0): Promise<SiteLayout> {
  const build = `for (let i = 0; i < 3000; i++) console.log(i, "${LINE}");
    setTimeout(() => require("node:fs").cpSync("app.mjs", process.env.ARTIFACT), ${seconds * 1000});`;
  const repository = await sourceRepository(t, {
    "app.mjs": "setInterval(() => {}, 1000);\n",
    "build.cjs": build,
    "inplace.config.json": {
      site: "shop",
      rollout: "recycle",
      build: { builder: "command", extension: ".mjs", command: [process.execPath, "build.cjs"] },
    },
  });
  return siteLayout(repository.folder);
}

const filesIn = async (folder: string): Promise<string[]> => await readdir(folder).catch(() => []);

async function assertNothingLeft(layout: SiteLayout): Promise<void> {
  assert.equal(existsSync(layout.lock), false);
  assert.deepEqual(await filesIn(join(layout.deploys, "staging")), []);
}

if (process.platform === "linux")
  test("a result that a full disk lost is a failure, with its reason", async (t) => {
    const { root } = await temporarySite(t);
    const said = async (verb: string, where: string): Promise<string> => {
      const command = `"$0" "$@" ${where}; echo "exit $?"`;
      const args = ["-c", command, process.execPath, INPLACE, "--site-root", root, ...verb.split(" ")];
      const { stdout, stderr } = await runProgram(t, "bash", args, { cwd: root });
      return stdout + stderr;
    };
    for (const verb of ["status --json", "history", "status --help"])
      assert.match(await said(verb, ">/dev/full"), /^exit 1\nerror DISK_FULL: .*standard output/, verb);
    // What fails anyway says why, and with which code.
    assert.match(await said("rollback --yes --json", ">/dev/full"), /^exit 4\n/);
  });

test("deploy | head -1 publishes the whole release and ends with 0", async (t) => {
  const layout = await chattySource(t);
  const deploy = new UnreadProgram(t, process.execPath, [INPLACE, "deploy"], { cwd: layout.root });
  await deploy.begun();
  deploy.leave();
  assert.equal(await deploy.ended(), 0);
  assert.equal((await readPointer(layout)).state, "names");
  await assertNothingLeft(layout);
});

test("a deploy whose output stands still is interrupted as ever, and leaves nothing", async (t) => {
  const layout = await chattySource(t, 60);
  const deploy = new UnreadProgram(t, process.execPath, [INPLACE, "deploy"], { cwd: layout.root });
  await deploy.begun();
  const builds = async (): Promise<boolean> => (await filesIn(join(layout.deploys, "staging"))).length > 0;
  await until("it builds", builds, undefined, OFTEN_MS);
  process.kill(deploy.pid, "SIGHUP"); // No terminal of its has hung up.
  assert.equal(await deploy.ended("SIGTERM"), 130);
  assert.equal((await readPointer(layout)).state, "missing");
  await assertNothingLeft(layout);
});

test("what a git push starts ends though nobody reads its output any more", async (t) => {
  const layout = await chattySource(t);
  const site = await temporarySite(t);
  const bare = await temporaryFolder(t);
  const run = promisify(execFile);
  await run("git", ["clone", "--quiet", "--bare", layout.root, bare]);
  const { stdout } = await run("git", ["rev-parse", "main"], { cwd: bare });
  const args = [INPLACE, "--site-root", site.root, "receive"];
  const receive = new UnreadProgram(t, process.execPath, args, { cwd: bare });
  receive.type(`${"0".repeat(40)} ${stdout.trim()} refs/heads/main\n`);
  assert.equal(await receive.ended(), 0);
  assert.equal((await readPointer(site)).state, "names");
});
