import { readdir } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import type { Command } from "commander";
import { loadConfig, siteName } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { expectOwnFolder } from "../fronts/haproxy/own-folder.ts";
import { answerRequest, askHost, parseRequest } from "../fronts/haproxy/agent.ts";
import { normalizeFront, type Front } from "../fronts/haproxy/front.ts";
import { lookAtHosts, type HostView } from "../fronts/haproxy/look.ts";
import { haproxyDown, haproxyUp } from "../fronts/haproxy/program.ts";
import {
  DEFAULT_BATCH,
  DEFAULT_MAX_UNAVAILABLE,
  rollout,
  type RolloutReport,
} from "../fronts/haproxy/rollout.ts";
import { RuntimeApi } from "../fronts/haproxy/runtime-api.ts";
import { isArtifactName } from "../site/artifact-name.ts";
import { openDeployFolder } from "../site/deploy-folder.ts";
import { findArtifact } from "../site/find-artifact.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer } from "../site/pointer.ts";
import { table } from "./table.ts";
import type { DefineVerb, Outcome, RunVerb, VerbContext } from "./verb.ts";

interface DeployFlags {
  readonly fromTag?: string;
  readonly batch: number;
  readonly maxUnavailable: number;
  readonly force?: boolean;
}

export const defineHaproxy: DefineVerb = (program, run) => {
  const verb = program.command("haproxy").description("two backends behind HAProxy");
  verb
    .command("up")
    .description("write and check haproxy.cfg, and start HAProxy or make it read that")
    .action(() => run(runUp));
  defineDeploy(verb, run);
  verb
    .command("down")
    .description("stop HAProxy and what runs behind it")
    .action(() => run(runDown));
  verb
    .command("status")
    .description("which machine runs which artifact")
    .action(() => run(runStatus));
  verb
    .command("backend", { hidden: true })
    .description("do what another machine asks on standard input")
    .action(() => run(runBackend));
};

function defineDeploy(verb: Command, run: RunVerb): void {
  verb
    .command("deploy [artifact]")
    .description(
      "start the artifact (default: the current one) beside the old one, move traffic, stop the old one; the verb deploy builds it before",
    )
    .option("--from-tag <YYYYMMDDHHMM>", "the artifact that has this time in its name")
    .option("--batch <hosts>", "hosts at a time", count(1), DEFAULT_BATCH)
    .option("--max-unavailable <hosts>", "hosts that may be out of reach", count(0), DEFAULT_MAX_UNAVAILABLE)
    .option("--force", "also where the artifact serves already")
    .action((artifact: string | undefined, flags: DeployFlags) =>
      run((context) => runDeploy(context, artifact, flags)),
    );
}

async function runUp(context: VerbContext): Promise<Outcome> {
  const front = await frontOf(context.site());
  const outcome = await haproxyUp(front);
  const where = front.bind.join(", ");
  return {
    document: { outcome, bind: front.bind, socket: front.socket },
    text: `HAProxy ${UP_WORDS[outcome]}: ${where}`,
  };
}

const UP_WORDS = {
  started: "started",
  reloaded: "took the new configuration",
  "already-up": "runs already",
  external: "runs, started by something else",
} as const;

async function runDeploy(
  context: VerbContext,
  named: string | undefined,
  flags: DeployFlags,
): Promise<Outcome> {
  const site = context.site();
  const front = await frontOf(site);
  const api = new RuntimeApi(front.socket, front.site);
  await api.info();
  const { layout } = await openDeployFolder(site);
  const { lockWaitMs } = await loadConfig(layout.root);
  const report = await rollout({
    layout,
    front,
    api,
    artifact: await wantedArtifact(layout, named, flags.fromTag),
    batch: flags.batch,
    maxUnavailable: flags.maxUnavailable,
    force: flags.force === true,
    lockWaitMs,
    signal: context.signal,
    emit: context.emit,
  });
  return { document: { ...report }, text: reportWords(report) };
}

function reportWords({ artifact, hosts }: RolloutReport): string {
  const moved = hosts.filter(({ outcome }) => outcome === "moved").length;
  const already = hosts.filter(({ outcome }) => outcome === "already").length;
  return `${artifact} is live: ${moved} hosts moved, ${already} had it already, ${hosts.length - moved - already} out of reach`;
}

async function runDown(context: VerbContext): Promise<Outcome> {
  const layout = context.site();
  const front = await frontOf(layout);
  const stopped = await haproxyDown(front);
  const stops = front.hosts.flatMap((host) =>
    host.servers.map(({ slot }) => askHost(layout, host, { verb: "stop", slot, limitMs: front.drainMs })),
  );
  // One host out of reach must not keep the others running.
  const failed = (await Promise.allSettled(stops)).find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const text = stopped
    ? "HAProxy and its backends stopped"
    : "the backends stopped; HAProxy did not run here";
  return { document: { haproxyStopped: stopped }, text };
}

async function runStatus(context: VerbContext): Promise<Outcome> {
  const layout = context.site();
  const front = await frontOf(layout);
  const api = new RuntimeApi(front.socket, front.site);
  const haproxy = await api.info();
  const views = await lookAtHosts(layout, front, api);
  const rows = views.flatMap(statusRows);
  const head = ["host", "server", "haproxy", "requests", "artifact", "since", "restarts"];
  return {
    document: { haproxy, hosts: views.map(statusDocument) },
    text: `HAProxy ${haproxy.version}, pid ${haproxy.pid}\n${table([head, ...rows])}`,
  };
}

function statusRows(view: HostView): string[][] {
  if (view.state === "unreachable") return [[view.host.name, "", "", "", `unreachable: ${view.reason}`]];
  return view.servers.map(({ server, stat, record }) => [
    view.host.name,
    server.name,
    stat?.status ?? "unknown",
    String(stat?.sessions ?? 0),
    record?.artifact ?? "-",
    record?.since ?? "",
    record === undefined ? "" : String(record.restarts),
  ]);
}

function statusDocument(view: HostView): Readonly<Record<string, unknown>> {
  if (view.state === "unreachable") return { host: view.host.name, state: view.state, reason: view.reason };
  const servers = view.servers.map(({ server, stat, record, serving }) => ({
    name: server.name,
    port: server.port,
    serving,
    status: stat?.status,
    requests: stat?.sessions,
    lastCheck: stat?.lastCheck,
    artifact: record?.artifact,
    pid: record?.pid,
    keeper: record?.keeper,
    since: record?.since,
    restarts: record?.restarts,
  }));
  return { host: view.host.name, state: view.state, servers };
}

async function runBackend(context: VerbContext): Promise<Outcome> {
  const request = parseRequest(await readText(process.stdin));
  const layout = context.site({ named: request.siteRoot, mayBeNew: true });
  return { document: { ...(await answerRequest(layout, { ...request, siteRoot: undefined })) } };
}

async function frontOf(layout: SiteLayout): Promise<Front> {
  const config = await loadConfig(layout.root);
  if (config.haproxy === undefined) {
    throw new InplaceError(
      "HAPROXY_NOT_CONFIGURED",
      `The site ${layout.root} has no "haproxy" in its configuration.`,
    );
  }
  await expectOwnFolder(layout);
  return normalizeFront(layout, await siteName(undefined, config, layout.root), config.haproxy);
}

async function wantedArtifact(
  layout: SiteLayout,
  named: string | undefined,
  tag: string | undefined,
): Promise<string> {
  if (named !== undefined && tag !== undefined) {
    throw new InplaceError("USAGE", "Name the artifact or its tag, not both.");
  }
  if (tag !== undefined) return artifactWithTag(layout, tag);
  if (named !== undefined) return findArtifact(layout, named);
  const pointer = await readPointer(layout);
  if (pointer.state === "names") return pointer.artifact;
  if (pointer.state === "invalid") throw pointer.error;
  throw new InplaceError("ARTIFACT_MISSING", "There is no current artifact.", {
    hint: "Run inplace-deploy deploy first, or name one.",
  });
}

/** Builds are tagged by the minute, and names without git by the second: the newest of that minute. */
async function artifactWithTag(layout: SiteLayout, tag: string): Promise<string> {
  if (!/^\d{12}$/.test(tag))
    throw new InplaceError("USAGE", `Not a tag of the form YYYYMMDDHHMM: ${JSON.stringify(tag)}.`);
  const names = (await readdir(layout.target).catch(() => [])).filter(isArtifactName);
  const found = names.filter((name) => new RegExp(`(?<!\\d)${tag}(\\d\\d)?(?!\\d)`).test(name)).sort();
  const newest = found.at(-1);
  if (newest === undefined)
    throw new InplaceError("ARTIFACT_MISSING", `No artifact in _target is tagged ${tag}.`);
  return newest;
}

function count(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InplaceError("USAGE", `Not a number of hosts: ${JSON.stringify(text)}.`);
    }
    return value;
  };
}
