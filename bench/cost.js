// Prints what the runtime and the listener cost: throughput, boot, memory, and the drain of many and of no connections.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const RUNTIME = ["--import", "../dist/runtime/bundle/register.mjs"];
const { site, started } = deployedSite();
/** The arguments of node up to the app, how the app is to make its server, and where it runs. */
const VARIANTS = {
  bare: { app: ["cost-app.js"] },
  library: { app: ["cost-app.js"], kind: "library" },
  runtime: { app: [...RUNTIME, "cost-app.js"] },
  // As a launcher starts it: its artifact is checked, and the site is watched.
  "in its site": started,
};
const EXPRESS = {
  "Express, bare": { ...VARIANTS.bare, kind: "express" },
  "Express, in its site": { ...started, kind: "express" },
};
const variants = Object.keys(VARIANTS);
const ROUNDS = 5;
const WRK_SECONDS = Number(process.argv[2] ?? 5);
const BOOTS = 20;
const IDLE = 10_000;
const MEMORIES = 9;

class App {
  static async start(variant, flags = []) {
    const { args, ...where } = startOf(variant);
    const child = spawn(process.execPath, [...flags, ...args], {
      ...where,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const app = new App();
    app.child = child;
    app.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    app.port = Number((await app.lines.next()).value);
    return app;
  }

  async ask(question) {
    this.child.stdin.write(`${question}\n`);
    return JSON.parse((await this.lines.next()).value);
  }

  async end() {
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }
}

function startOf(variant) {
  const { app, kind = "bare", cwd = import.meta.dirname, env = {} } = { ...VARIANTS, ...EXPRESS }[variant];
  return { args: [...app, kind], cwd, env: { ...process.env, ...env } };
}

/** The app deployed into a site of its own, and how launch.sh would start it there. */
function deployedSite() {
  // Where the app finds Express.
  const site = mkdtempSync(join(import.meta.dirname, "node_modules/.cost-"));
  copyFileSync(join(import.meta.dirname, "cost-app.js"), join(site, "cost-app.mjs"));
  const copy = 'fs.copyFileSync("cost-app.mjs", process.env.ARTIFACT)';
  const build = { builder: "command", command: ["node", "-e", copy], extension: ".mjs" };
  writeFileSync(join(site, "inplace.config.json"), JSON.stringify({ site: "cost", build }));
  const inplace = join(import.meta.dirname, "../bin/inplace.js");
  const command = [inplace, "deploy", "--json", "--site-root", site, "--source", site];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: site, encoding: "utf8" });
  if (status !== 0) throw new Error(`the app could not be deployed: ${stdout}${stderr}`);
  const { artifact } = JSON.parse(stdout);
  const runtime = readFileSync(join(site, ".inplace/runtime/current"), "utf8").trim();
  const app = ["--import", `./.inplace/runtime/${runtime}/register.mjs`, `_target/${artifact}`];
  return {
    site,
    started: { app, cwd: site, env: { INPLACE_SITE_ROOT: site, INPLACE_ARTIFACT: artifact } },
  };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** On a busy machine the processor time of a request says more than their number. */
async function throughput(variant) {
  const app = await App.start(variant);
  const url = `http://127.0.0.1:${app.port}/`;
  spawnSync("wrk", ["-t1", "-c32", "-d1s", url]);
  const before = await app.ask("cpu");
  const { stdout } = spawnSync("wrk", ["-t1", "-c32", `-d${WRK_SECONDS}s`, url], { encoding: "utf8" });
  const after = await app.ask("cpu");
  await app.end();
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    us: (after.us - before.us) / requests,
  };
}

function bootMs(variant) {
  const { args, ...where } = startOf(variant);
  const at = performance.now();
  spawnSync(process.execPath, [...args, "exit"], where);
  return performance.now() - at;
}

/** Keep-alive connections that have each been answered once. */
async function idleConnections(port, count) {
  const sockets = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(250, count - sockets.length) }, async () => {
      const socket = connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
      await once(socket, "data");
      socket.on("error", () => undefined);
      socket.resume();
      return socket;
    });
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

/** Heap of an idle connection, bytes. */
async function idleCost(variant) {
  const app = await App.start(variant, ["--expose-gc"]);
  const warm = await idleConnections(app.port, 100);
  const before = await app.ask("heap");
  const sockets = await idleConnections(app.port, IDLE);
  const after = await app.ask("heap");
  for (const socket of [...warm, ...sockets]) socket.destroy();
  await app.end();
  return (after.heapUsed - before.heapUsed) / IDLE;
}

/** Once it has served a little and its site is watched. */
async function memory(variant) {
  const app = await App.start(variant, ["--expose-gc"]);
  for (const socket of await idleConnections(app.port, 100)) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const used = await app.ask("heap");
  await app.end();
  return used;
}

async function drainOfIdle() {
  const app = await App.start("library");
  const sockets = await idleConnections(app.port, IDLE);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const report = await app.ask("stop");
  for (const socket of sockets) socket.destroy();
  await app.end();
  return report;
}

async function exitWithoutConnections() {
  const app = await App.start("in its site");
  // An answer proves it; an app that has not proved itself yet writes that down at its end.
  await fetch(`http://127.0.0.1:${app.port}/`, { headers: { Connection: "close" } });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const at = performance.now();
  app.child.kill("SIGTERM");
  await once(app.child, "exit");
  return performance.now() - at;
}

console.log(`Node ${process.version}, ${process.platform}, ${new Date().toISOString().slice(0, 10)}\n`);
const print = (what, value) => console.log(`| ${what} | ${value} |`);
console.log("| cost | measured |\n|---|---|");

const rates = Object.fromEntries(variants.map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const name of variants) rates[name].push(await throughput(name));
}
for (const name of variants) {
  const ratio = (of) => median(rates[name].map((rate, round) => of(rate, rates.bare[round]))).toFixed(3);
  const perSecond = Math.round(median(rates[name].map((rate) => rate.perSecond)));
  const us = median(rates[name].map((rate) => rate.us)).toFixed(2);
  print(
    `requests a second, ${name}`,
    `${perSecond}, ratio ${ratio((rate, bare) => rate.perSecond / bare.perSecond)}`,
  );
  print(
    `processor time of a request, ${name}`,
    `${us} µs, ratio of throughput ${ratio((rate, bare) => bare.us / rate.us)}`,
  );
}

const boots = Object.fromEntries(variants.map((name) => [name, []]));
for (let boot = 0; boot < BOOTS; boot += 1) for (const name of variants) boots[name].push(bootMs(name));
for (const name of variants) {
  const more = median(boots[name]) - median(boots.bare);
  print(`boot to listening, ${name}`, `${median(boots[name]).toFixed(1)} ms, ${more.toFixed(1)} ms more`);
}

const idle = {};
for (const name of variants) idle[name] = await idleCost(name);
for (const name of variants) {
  const more = idle[name] - idle.bare;
  print(`heap per idle connection, ${name}`, `${Math.round(idle[name])} B, ${Math.round(more)} B more`);
}

const apps = [...variants, ...Object.keys(EXPRESS)];
const used = Object.fromEntries(apps.map((name) => [name, []]));
for (let n = 0; n < MEMORIES; n += 1) for (const name of apps) used[name].push(await memory(name));
for (const name of apps) {
  const base = name in EXPRESS ? "Express, bare" : "bare";
  const more = (key) =>
    (median(used[name].map((each) => each[key])) - median(used[base].map((each) => each[key]))) / 1e6;
  print(
    `memory, ${name}`,
    `heap ${more("heapUsed").toFixed(1)} MB more, resident ${more("rss").toFixed(1)} MB more`,
  );
}

const drained = await drainOfIdle();
print(
  `drain of ${IDLE} idle connections`,
  `${drained.durationMs} ms, ${JSON.stringify(drained.connections)}`,
);
const exits = [];
for (let n = 0; n < BOOTS; n += 1) exits.push(await exitWithoutConnections());
print("SIGTERM to exit, no connections, in its site", `${median(exits).toFixed(1)} ms`);
rmSync(site, { recursive: true });
