// The proxies that are compared: each is started in front of the same bare server and gives its port and pid.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";

const START_MS = 15_000;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export function bareServer(port) {
  return start("bare Node server", port, process.execPath, [here("bare-server.js")], { PORT: String(port) });
}

export const fronts = {
  "inplace serve": async (port, backend) => {
    const root = mkdtempSync(join(tmpdir(), "bench-proxy-"));
    // The process behind it only joins the handler's port with the bare server that all the others have.
    writeFileSync(join(root, "launch.sh"), `exec "${process.execPath}" "${here("bare-server.js")}"\n`);
    writeFileSync(join(root, "launch.cmd"), `@"${process.execPath}" "${here("bare-server.js")}"\r\n`);
    writeFileSync(
      join(root, "web.config"),
      '<configuration><system.webServer><httpPlatform processPath=".\\launch.cmd"/></system.webServer></configuration>',
    );
    void backend;
    const args = [
      here("../bin/inplace.js"),
      "serve",
      "--site-root",
      root,
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
    ];
    const front = await start("inplace serve", port, process.execPath, args);
    return { ...front, stop: async () => (await front.stop(), rmSync(root, { recursive: true })) };
  },
  HAProxy: (port, backend) =>
    withFile("haproxy.cfg", haproxy(port, backend), (path) =>
      start("HAProxy", port, "haproxy", ["-db", "-f", path]),
    ),
  nginx: (port, backend) =>
    withFile("nginx.conf", nginx(port, backend), (path) =>
      start("nginx", port, "nginx", ["-c", path, "-p", tmpdir()]),
    ),
  Caddy: (port, backend) =>
    withFile("Caddyfile", caddy(port, backend), (path) =>
      start("Caddy", port, "caddy", ["run", "--adapter", "caddyfile", "--config", path]),
    ),
  "http-proxy-3": (port, backend) =>
    start("http-proxy-3", port, process.execPath, [here("http-proxy.js")], {
      PORT: String(port),
      BACKEND: String(backend),
    }),
};

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Rejects where the program is not installed or does not listen in time. */
async function start(name, port, file, args, env = {}) {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let problem = "";
  child.stderr.on("data", (text) => (problem += text));
  const failed = new Promise((_, reject) => {
    child.once("error", (error) => reject(new Error(`${name}: ${error.message}`)));
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}: ${problem.slice(-300)}`)));
  });
  failed.catch(() => undefined);
  await Promise.race([listening(name, port), failed]);
  return { name, port, pid: child.pid, stop: () => ended(child) };
}

function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", resolve);
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
  });
}

async function listening(name, port) {
  const deadline = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (Date.now() > deadline) throw new Error(`${name} does not listen on ${port}`);
    await delay(20);
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
    socket.on("error", () => resolve(false));
  });
}

async function withFile(name, content, run) {
  const folder = mkdtempSync(join(tmpdir(), "bench-proxy-"));
  writeFileSync(join(folder, name), content);
  try {
    const front = await run(join(folder, name));
    return { ...front, stop: async () => (await front.stop(), rmSync(folder, { recursive: true })) };
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
}

const haproxy = (port, backend) => `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  http-reuse always
  server one 127.0.0.1:${backend}
`;

const nginx = (port, backend) => `daemon off;
worker_processes 1;
pid ${tmpdir()}/bench-nginx-${port}.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  upstream back { server 127.0.0.1:${backend}; keepalive 256; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://back;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }
}
`;

const caddy = (port, backend) => `{
  admin off
  auto_https off
  log default {
    level ERROR
  }
}
http://127.0.0.1:${port} {
  reverse_proxy 127.0.0.1:${backend}
}
`;
