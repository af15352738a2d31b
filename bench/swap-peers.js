// The same swaps by other means: pm2 reload, Node's cluster, and a systemd socket whose service is restarted.
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UserSystemd } from "../dist-test/rig/user-systemd.js";
import { peerApp } from "./swap-app.js";
import { untilAnswers } from "./swap-systems.js";

const run = promisify(execFile);
const PM2 = fileURLToPath(new URL("node_modules/pm2/bin/pm2", import.meta.url));
const PRIMARY = fileURLToPath(new URL("swap-cluster.js", import.meta.url));

export const peers = { pm2: reloadedByPm2, cluster, systemd: restartedBySystemd };

async function reloadedByPm2(options) {
  const { folder, port, file, write, remove } = await place(options);
  const env = { ...process.env, PM2_HOME: join(folder, "pm2"), PORT: String(port) };
  const pm2 = (...args) => run(process.execPath, [PM2, ...args], { env });
  await write("1");
  await pm2("start", file, "--name", "app", "-i", "1", "--wait-ready", "--listen-timeout", "10000");
  await untilAnswers(port, "1", options);
  const pid = Number(await readFile(join(folder, "pm2", "pm2.pid"), "utf8"));
  return {
    port,
    pid,
    async swap(version) {
      await write(version);
      await pm2("reload", "app");
      await untilAnswers(port, version, options);
    },
    async stop() {
      await pm2("kill");
      await remove();
    },
  };
}

async function cluster(options) {
  const { port, file, write, remove } = await place(options);
  await write("1");
  const primary = fork(PRIMARY, [file], { env: { ...process.env, PORT: String(port) } });
  await once(primary, "message");
  return {
    port,
    pid: primary.pid,
    async swap(version) {
      await write(version);
      primary.send("swap");
      await once(primary, "message");
    },
    async stop() {
      primary.kill("SIGKILL");
      await once(primary, "exit");
      await remove();
    },
  };
}

async function restartedBySystemd(options) {
  const { port, file, write, remove } = await place(options);
  await write("1");
  const cleanup = [];
  const systemd = await UserSystemd.start({ after: (each) => cleanup.push(each) });
  const service = `[Service]\nExecStart=${process.execPath} ${file}\nKillMode=mixed\nTimeoutStopSec=15\n`;
  await systemd.install([
    { name: "app.socket", content: `[Socket]\nListenStream=127.0.0.1:${port}\nTriggerLimitIntervalSec=0\n` },
    { name: "app.service", content: `[Unit]\nStartLimitIntervalSec=0\n${service}` },
  ]);
  await systemd.control("start", "app.socket");
  await untilAnswers(port, "1", options);
  return {
    port,
    pid: undefined,
    async swap(version) {
      await write(version);
      await systemd.control("restart", "app.service");
      await untilAnswers(port, version, options);
    },
    async stop() {
      for (const each of cleanup) await each();
      await remove();
    },
  };
}

/** A folder with one file that each version overwrites, and a free port. */
async function place(options) {
  const folder = await mkdtemp(join(tmpdir(), "inplace-swap-"));
  const file = join(folder, "app.mjs");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return {
    folder,
    port,
    file,
    write: (version) => writeFile(file, peerApp(version, options)),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10 }),
  };
}
