import { dirname } from "node:path";
import { isIPv4, isIPv6 } from "node:net";
import { InplaceError } from "../../errors.ts";
import { validSiteName } from "../../site/artifact-name.ts";

/** In-flight requests get this long after SIGTERM; the runtime's own default. */
export const DEFAULT_DRAIN_SECONDS = 30;
/** From the end of the drain to SIGKILL: the app's own shutdown hooks and the launcher. */
export const STOP_MARGIN_SECONDS = 10;
export const DEFAULT_START_SECONDS = 60;
export const DEFAULT_WATCHDOG_SECONDS = 30;
export const DEFAULT_SOCKET_NAME = "http";

/** Where systemd looks for programs; https://www.freedesktop.org/software/systemd/man/252/systemd.exec.html */
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/** One address that systemd listens on. Several may share a name. */
export interface ListenOn {
  readonly name: string;
  /** As ListenStream= takes it. */
  readonly stream: string;
  /** undefined for a Unix socket. */
  readonly port: number | undefined;
}

export interface UnitOptions {
  readonly site: string;
  readonly root: string;
  /** NAME=, then PORT, ADDRESS:PORT, [ADDRESS]:PORT or /PATH; the first is the one that PORT tells the app. */
  readonly listen: readonly string[];
  /** "user": for `systemctl --user`, which can neither change the account nor make namespaces. Default "system". */
  readonly manager?: "system" | "user";
  /** Account that runs the site; needed for the system manager. */
  readonly account?: string;
  /** false: for artifacts that do not notify (READY=1, WATCHDOG=1). Default true. */
  readonly notify?: boolean;
  readonly drainSeconds?: number;
  /** 0 switches it off. Needs notify. */
  readonly watchdogSeconds?: number;
  /** Program and arguments. Default: the site's launch.sh. */
  readonly command?: readonly string[];
  /** Path of node. Default: of this process. */
  readonly node?: string;
}

export interface Units {
  readonly site: string;
  readonly root: string;
  readonly listen: readonly ListenOn[];
  readonly manager: "system" | "user";
  readonly account: string | undefined;
  readonly notify: boolean;
  readonly drainSeconds: number;
  readonly watchdogSeconds: number;
  readonly command: readonly string[];
  /** Folder of node when systemd would not find it by itself. */
  readonly nodeFolder: string | undefined;
}

/** Of what systemd takes (https://systemd.io/USER_NAMES/) what no line of a unit reads otherwise. */
const ACCOUNT = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,255}$/;

/** Throws USAGE or SITE_NAME_INVALID. */
export function normalizeUnits(options: UnitOptions): Units {
  const manager = options.manager ?? "system";
  const { account } = options;
  if (account !== undefined && !ACCOUNT.test(account)) {
    throw new InplaceError("USAGE", `Not the name of an account: ${JSON.stringify(account)}.`, {
      hint: "--run-as takes letters, digits and _ . - @, or a number.",
    });
  }
  if (manager === "system" && (account === undefined || account === "root" || Number(account) === 0)) {
    throw new InplaceError("USAGE", "The site must not run as root.", {
      hint: "Name the account that runs it with --run-as, or give the site's folder to one.",
    });
  }
  if (options.listen.length === 0) throw new InplaceError("USAGE", "At least one --port is needed.");
  const notify = options.notify ?? true;
  const nodeFolder = dirname(options.node ?? process.execPath);
  return {
    site: validSiteName(options.site),
    root: options.root,
    listen: options.listen.map(parseListen),
    manager,
    account,
    notify,
    drainSeconds: options.drainSeconds ?? DEFAULT_DRAIN_SECONDS,
    watchdogSeconds: notify ? (options.watchdogSeconds ?? DEFAULT_WATCHDOG_SECONDS) : 0,
    command: options.command ?? ["/bin/sh", `${options.root}/launch.sh`],
    nodeFolder: SYSTEM_PATH.includes(nodeFolder) ? undefined : nodeFolder,
  };
}

const LISTEN = /^(?:([A-Za-z][A-Za-z0-9_.-]{0,63})=)?(?:(\/[^\s]+)|(?:(\[[^\]]+\]|[0-9.]+):)?(\d{1,5}))$/;

/** Throws USAGE. */
export function parseListen(text: string): ListenOn {
  const [, name = DEFAULT_SOCKET_NAME, path, address, digits] = LISTEN.exec(text) ?? [];
  if (path !== undefined) return { name, stream: path, port: undefined };
  const port = Number(digits);
  const sound = address === undefined || isIPv4(address) || isIPv6(address.slice(1, -1));
  if (digits === undefined || port < 1 || port > 65_535 || !sound) {
    throw new InplaceError("USAGE", `Not something to listen on: ${JSON.stringify(text)}.`, {
      hint: "Write [NAME=]PORT, [NAME=]ADDRESS:PORT, [NAME=][IPV6]:PORT or [NAME=]/PATH.",
    });
  }
  return { name, stream: address === undefined ? digits : `${address}:${digits}`, port };
}
