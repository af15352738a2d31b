import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { HaproxyConfig } from "#src/config/config.js";
import { normalizeFront } from "#src/fronts/haproxy/front.js";
import { lookAtHosts, type HostView } from "#src/fronts/haproxy/look.js";
import { rollout, type RolloutReport } from "#src/fronts/haproxy/rollout.js";
import { RuntimeApi } from "#src/fronts/haproxy/runtime-api.js";
import type { SlotRecord } from "#src/fronts/haproxy/slot-record.js";
import type { SiteLayout } from "#src/site/layout.js";
import { freePort } from "../rig/free-port.js";
import { temporarySite } from "../rig/temporary-site.js";

const COMMAND = resolve("bin/inplace.js");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerDocument {
  readonly artifact?: string;
}

/** What inplace haproxy status --json prints. */
export interface StatusDocument {
  readonly haproxy: { readonly pid: number };
  readonly hosts: readonly { readonly host: string; readonly servers?: readonly ServerDocument[] }[];
}

/** A site behind a real HAProxy, operated by the real command. All of it is stopped when the test ends. */
export interface HaproxySite {
  readonly layout: SiteLayout;
  /** Where HAProxy listens. */
  readonly port: number;
  /** inplace haproxy … */
  haproxy(...args: readonly string[]): Promise<Ran>;
  /** What the verb deploy does, without the cost of a process. */
  rollout(artifact: string): Promise<RolloutReport>;
  /** What the verb status looks at, without the cost of a process. */
  look(): Promise<readonly HostView[]>;
  status(): Promise<StatusDocument>;
  /** Starts a deploy and kills it with SIGKILL when its output matches. */
  killedDeploy(artifact: string, when: RegExp): Promise<void>;
  /** A command of HAProxy's runtime API. */
  runtime(command: string): Promise<string>;
  /** Pid of HAProxy's master. */
  master(): Promise<number>;
  /** Puts an artifact into the target folder and gives its name. */
  artifact(name: string, source: string): Promise<string>;
}

export async function haproxySite(t: TestContext, more: HaproxyConfig = {}): Promise<HaproxySite> {
  // Before the site is made, since what is to be done after a test is done in this order: down needs the site.
  let down = async (): Promise<unknown> => undefined;
  t.after(() => down());
  const layout = await temporarySite(t);
  const port = await freePort();
  const haproxy: HaproxyConfig = {
    bind: [`127.0.0.1:${port}`],
    ports: [await freePort(), await freePort()],
    ...more,
  };
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify({ site: "blog", haproxy }));
  const run = (...args: readonly string[]): Promise<Ran> =>
    inplace(["--site-root", layout.root, "haproxy", ...args]);
  down = () => run("down");
  const front = normalizeFront(layout, "blog", haproxy);
  const api = new RuntimeApi(front.socket, front.site);
  return {
    layout,
    port,
    haproxy: run,
    look: () => lookAtHosts(layout, front, api),
    rollout(artifact) {
      const { signal } = new AbortController();
      const emit = (): void => undefined;
      const how = { force: false, batch: 1, maxUnavailable: 0, lockWaitMs: 0, signal, emit };
      return rollout({ layout, front, api, artifact, ...how });
    },
    async status() {
      return JSON.parse((await run("status", "--json")).stdout) as StatusDocument;
    },
    async killedDeploy(artifact, when) {
      const child = spawn(process.execPath, [
        COMMAND,
        "--site-root",
        layout.root,
        "haproxy",
        "deploy",
        artifact,
      ]);
      let out = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
        if (when.test(out)) child.kill("SIGKILL");
      });
      await once(child, "close");
    },
    async runtime(command) {
      const socket = connect(join(layout.root, ".inplace/haproxy/admin.sock"));
      socket.end(`${command}\n`);
      return text(socket);
    },
    async master() {
      return Number(await readFile(join(layout.root, ".inplace/haproxy/haproxy.pid"), "utf8"));
    },
    async artifact(name, source) {
      await mkdir(layout.target, { recursive: true });
      await writeFile(join(layout.target, name), source);
      return name;
    },
  };
}

function inplace(args: readonly string[]): Promise<Ran> {
  const env = { ...process.env };
  delete env["NODE_TEST_CONTEXT"];
  return new Promise((done) => {
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Source of an app that knows nothing of HAProxy: it answers `version N` and what it was sent; /slow/MS takes its time. */
export function backendApp(version: number, more = ""): string {
  return `
import http from "node:http";
const server = http.createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (chunk) => (body += chunk));
  const slow = /^\\/slow\\/(\\d+)/.exec(request.url);
  request.on("end", () => setTimeout(() => response.end("version ${version}" + body), Number(slow?.[1] ?? 0)));
});
server.listen(process.env.PORT);
${more}
`;
}

/** Status and body of an answer, asked for on a connection of its own. */
export async function ask(port: number, path = "/", host = "127.0.0.1"): Promise<string> {
  const socket = connect(port, host);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const answer = await text(socket);
  return answer.replace(/^HTTP\/1\.1 200.*?\r\n\r\n/s, "").replace(/^HTTP\/1\.1 (\d+).*/s, "$1");
}

export async function deployed(site: HaproxySite, artifact: string): Promise<void> {
  const { hosts } = await site.rollout(artifact);
  assert.ok(
    hosts.every((host) => "to" in host),
    JSON.stringify(hosts),
  );
}

/** What runs on the one host, in the order of its servers. */
export async function running(
  site: HaproxySite,
): Promise<readonly (SlotRecord & { readonly serving: boolean })[]> {
  const [host] = await site.look();
  assert.ok(host?.state === "reached", JSON.stringify(host));
  return host.servers.flatMap(({ record, serving }) => (record ? { ...record, serving } : []));
}

export async function artifacts(site: HaproxySite): Promise<readonly (string | undefined)[]> {
  return (await running(site)).map(({ artifact }) => artifact);
}

/** Requests that HAProxy has with the servers now. */
export async function busy(site: HaproxySite): Promise<number> {
  const rows = (await site.runtime("show stat")).split("\n").filter((row) => row.startsWith("blog,local-"));
  return rows.reduce((sum, row) => sum + Number(row.split(",")[4]), 0);
}
