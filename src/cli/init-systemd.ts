import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadConfig, siteName } from "../config/load.ts";
import { parseListen } from "../fronts/systemd/options.ts";
import { systemdUnits, type UnitFile } from "../fronts/systemd/units.ts";
import { unitWarnings } from "../fronts/systemd/warnings.ts";
import { writeUnits } from "../fronts/systemd/write-units.ts";
import { packageFile } from "../package-files.ts";
import { OWN_FOLDER, type SiteLayout } from "../site/layout.ts";
import { expectOwn } from "../site/own-account.ts";
import { duration } from "./duration.ts";
import type { Outcome, VerbContext } from "./verb.ts";

const DEFAULT_LISTEN = "8080";

export interface SystemdFlags {
  readonly port?: readonly string[];
  readonly user?: boolean;
  readonly runAs?: string;
  readonly supervise?: boolean;
  readonly notify: boolean;
  readonly watchdog?: number;
  readonly drain?: number;
  readonly output?: string;
  readonly force?: boolean;
}

/** Writes a socket and a service unit for the site. */
export async function initSystemd(context: VerbContext, flags: SystemdFlags): Promise<Outcome> {
  const layout = context.site({ mayBeNew: true });
  const manager = flags.user === true ? "user" : "system";
  const config = await loadConfig(layout.root);
  const listen = flags.port ?? [DEFAULT_LISTEN];
  const supervise = flags.supervise ?? (config.rollout === "handover" && isOneTcpSocket(listen));
  const account = manager === "user" ? undefined : (flags.runAs ?? ownerOf(layout.root));
  const units = systemdUnits({
    site: await siteName(undefined, config, layout.root),
    root: layout.root,
    listen,
    manager,
    ...optional("account", account),
    ...optional("command", supervise ? superviseCommand(layout) : undefined),
    notify: flags.notify,
    ...optional("watchdogSeconds", flags.watchdog),
    ...optional("drainSeconds", flags.drain),
  });
  const folder =
    flags.output === undefined ? await defaultFolder(layout) : resolve(context.cwd, flags.output);
  const paths = await writeUnits(folder, units, flags.force === true);
  const enable = howToEnable(paths, units, manager);
  const warnings = account === undefined ? [] : unitWarnings(layout.root, account);
  const how = supervise
    ? "rollout: handover: the service is inplace-deploy supervise"
    : "rollout: recycle: one slow request of the old release holds the queue for everybody";
  return {
    document: { units: paths, rollout: supervise ? "handover" : "recycle", enable, warnings },
    text: [
      ...paths.map((path) => `wrote ${path}`),
      ...warnings.map((warning) => `warning: ${warning}`),
      how,
      "to start the site:",
      ...enable.map(indent),
    ].join("\n"),
  };
}

/** What a supervisor can hold. */
function isOneTcpSocket(listen: readonly string[]): boolean {
  return listen.length === 1 && listen.every((each) => parseListen(each).port !== undefined);
}

/** This very installation: what systemd starts has to be there when nobody is logged in. */
function superviseCommand(layout: SiteLayout): readonly string[] {
  const program = packageFile("bin/inplace.js");
  return [process.execPath, program, "--site-root", layout.root, "supervise"];
}

/** Root installs them from there: no other account may write them. Throws OTHER_ACCOUNT. */
async function defaultFolder(layout: SiteLayout): Promise<string> {
  const own = join(layout.root, OWN_FOLDER);
  const folder = join(own, "systemd");
  for (const each of [own, folder]) await expectOwn(each, "Name a folder of your own with --output.");
  return folder;
}

function howToEnable(
  paths: readonly string[],
  units: readonly UnitFile[],
  manager: "system" | "user",
): readonly string[] {
  const sockets = units.map(({ name }) => name).filter((name) => name.endsWith(".socket"));
  const files = paths.map((path) => `'${path.replaceAll("'", "'\\''")}'`).join(" ");
  return manager === "system"
    ? [
        `sudo install -m 644 -t /etc/systemd/system ${files}`,
        "sudo systemctl daemon-reload",
        `sudo systemctl enable --now ${sockets.join(" ")}`,
      ]
    : [
        `install -m 644 -D -t ~/.config/systemd/user ${files}`,
        "systemctl --user daemon-reload",
        `systemctl --user enable --now ${sockets.join(" ")}`,
      ];
}

/** The name of the account that owns the folder; undefined where systems have no such names. */
function ownerOf(folder: string): string | undefined {
  try {
    return execFileSync("id", ["-un", String(statSync(folder).uid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined; // Then --run-as has to say it.
  }
}

export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Units of systemd count in whole seconds. */
export function seconds(text: string): number {
  return Math.ceil(duration(text) / 1_000);
}

/** For exactOptionalPropertyTypes: a key only where there is a value. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

const indent = (line: string): string => `  ${line}`;
