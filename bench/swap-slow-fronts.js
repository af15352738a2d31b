// A site in a repository of its own, deployed and served by the real command: { port, swap(version), stop() }.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { systemdUnits } from "../dist/fronts/systemd/units.js";
import { freePort } from "../dist-test/rig/free-port.js";
import { UserSystemd } from "../dist-test/rig/user-systemd.js";
import { slowApp } from "./swap-slow-app.js";

const run = promisify(execFile);
const INPLACE = fileURLToPath(new URL("../bin/inplace.js", import.meta.url));
const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));
const COMMAND_MS = 180_000;
/** A front that was told to stop drains downloads. */
const STOP_MS = 60_000;

export const fronts = {
  // As `deploy` leaves a site without a word on its rollout.
  serve: () => served({}, []),
  // A launcher that starts no supervisor: `serve` overlaps by itself.
  "serve, recycle": () => served({ rollout: "recycle" }, []),
  "serve --strict-iis": () => served({ rollout: "handover" }, ["--strict-iis"]),
  "serve --strict-iis, recycle": () => served({ rollout: "recycle" }, ["--strict-iis"]),
  "supervise, held": () => supervised("held"),
  "supervise, spliced": () => supervised("spliced"),
  "systemd, supervise": systemd,
  HAProxy: haproxy,
};

async function served(config, flags) {
  const site = await repository(config);
  const port = await freePort();
  return await site.behind(port, ["serve", "--port", String(port), "--host", "127.0.0.1", ...flags]);
}

async function supervised(front) {
  const site = await repository({ supervise: { front } });
  const port = await freePort();
  return await site.behind(port, ["supervise", "--port", String(port), "--host", "127.0.0.1"]);
}

/** The socket is systemd's, the service is the supervisor. */
async function systemd() {
  const site = await repository({});
  const port = await freePort();
  const ends = [];
  const stop = async () => {
    for (const end of ends.reverse()) await end();
    await site.remove();
  };
  try {
    const manager = await UserSystemd.start({ after: (end) => void ends.push(end) });
    const command = [process.execPath, INPLACE, "--site-root", site.folder, "supervise"];
    const listen = [String(port)];
    await manager.install(
      systemdUnits({ site: "slow", root: site.folder, listen, manager: "user", command }),
    );
    await manager.control("start", "slow.socket");
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, swap: site.deploy, stop };
}

async function haproxy() {
  const port = await freePort();
  const ports = [await freePort(), await freePort()];
  const site = await repository({ haproxy: { bind: [`127.0.0.1:${port}`], ports } });
  await site.inplace("haproxy", "up");
  await site.inplace("haproxy", "deploy");
  return {
    port,
    async swap(version) {
      await site.deploy(version);
      await site.inplace("haproxy", "deploy");
    },
    async stop() {
      try {
        await site.inplace("haproxy", "down");
      } finally {
        await site.remove();
      }
    },
  };
}

/** Version 1 is deployed in it. */
async function repository(config) {
  const folder = await mkdtemp(join(tmpdir(), "inplace-slow-"));
  const inplace = (...args) =>
    run(process.execPath, [INPLACE, ...args], { cwd: folder, timeout: COMMAND_MS, killSignal: "SIGKILL" });
  const git = (...args) =>
    run("git", ["-c", "user.name=bench", "-c", "user.email=bench@localhost", ...args], { cwd: folder });
  const deploy = async (version) => {
    await writeFile(join(folder, "server.mjs"), slowApp(version));
    await git("add", "--all");
    await git("commit", "--quiet", "--message", `Version ${version}`);
    await inplace("deploy");
  };
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 10 });
  try {
    await git("init", "--quiet");
    await symlink(MODULES, join(folder, "node_modules"));
    const ours = "node_modules\n.inplace\n_target\n_artifact.txt\nweb.config\nlaunch.*\n";
    await writeFile(join(folder, ".gitignore"), ours);
    const build = { builder: "entry", entry: "server.mjs" };
    await writeFile(join(folder, "inplace.config.json"), JSON.stringify({ site: "slow", build, ...config }));
    await deploy("1");
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folder,
    inplace,
    deploy,
    remove,
    async behind(port, args) {
      const child = spawn(process.execPath, [INPLACE, ...args], { cwd: folder, stdio: "ignore" });
      return {
        port,
        swap: deploy,
        async stop() {
          const exited = child.exitCode === null ? once(child, "exit") : undefined;
          child.kill("SIGTERM");
          const forced = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
          await exited;
          clearTimeout(forced);
          await remove();
        },
      };
    },
  };
}
