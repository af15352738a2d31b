import { copyFile } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import type { PlatformEvent } from "#src/events.js";
import { startPlatformHandler } from "#src/platform/handler.js";
import type { SiteLayout } from "#src/site/layout.js";
import { until } from "../rig/until.js";
import { launchedSite } from "../runtime/launched-site.js";

/** What the app answers with. */
export interface Answer {
  readonly artifact: string;
  readonly pid: number;
  /** Its own, behind the handler. */
  readonly port: number;
}

/** A site with the launchers, the runtime and the project's web.config. */
export async function deployableSite(t: TestContext): Promise<SiteLayout> {
  const layout = await launchedSite(t);
  for (const file of ["web.config", "launch.cmd"]) await copyFile(resolve(file), join(layout.root, file));
  return layout;
}

export interface Served {
  readonly port: number;
  count(type: PlatformEvent["type"]): number;
  /** Exit codes of the processes that ended so far. */
  exitCodes(): readonly (number | null)[];
  ask(path?: string): Promise<Answer>;
  /** Asks until this artifact answers. */
  serves(artifact: string): Promise<Answer>;
}

/** Serves the site as inplace serve does, until the test ends. */
export async function serve(t: TestContext, layout: SiteLayout): Promise<Served> {
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    events: (event) => void events.push(event),
  });
  t.after(() => handler.stop());
  return {
    port: handler.port,
    count: (type) => events.filter((event) => event.type === type).length,
    ask: (path = "/") => ask(handler.port, path),
    exitCodes: () => events.flatMap((event) => (event.type === "backend-exited" ? [event.code] : [])),
    serves: (artifact) => serves(handler.port, artifact, () => JSON.stringify(events)),
  };
}

export async function ask(port: number, path = "/"): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

export async function serves(port: number, artifact: string, said = () => ""): Promise<Answer> {
  let last: unknown;
  return await until(
    () => `${artifact} answers, instead of ${JSON.stringify(last)} ${said()}`,
    async () => {
      const answer = await ask(port).catch((error: unknown) => void (last = String(error)));
      last = answer ?? last;
      return answer?.artifact === artifact ? answer : undefined;
    },
    60_000,
  );
}

export async function isRefused(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(false)).once("error", () => done(true));
    socket.once("connect", () => socket.destroy());
  });
}

/** Source of an app on the platform's port; /slow/N after N ms. */
export const APP = `
import http from "node:http";
const port = Number(process.env.PORT);
http.createServer((request, response) => {
  const [, path, ms] = request.url.split("/");
  const answer = JSON.stringify({ artifact: process.env.INPLACE_ARTIFACT, pid: process.pid, port });
  setTimeout(() => response.end(answer), path === "slow" ? Number(ms) : 0);
}).listen(port, "127.0.0.1");
`;
