import { InplaceError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { DEFAULT_PORT } from "../platform/listener.ts";
import type { SiteLayout } from "../site/layout.ts";
import { openControl } from "../supervisor/control.ts";
import type { SocketPlace } from "../supervisor/held-socket.ts";
import type { NormalSuperviseOptions } from "../supervisor/options.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { socketOfSystemd, tellingSystemd } from "./supervise-systemd.ts";

export interface SiteToSupervise {
  readonly layout: SiteLayout;
  /** Where to listen, unless systemd gave a socket. */
  readonly place: SocketPlace;
  readonly options: NormalSuperviseOptions;
  /** Passed on to the artifact. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly emit: EventSink;
  /** Aborted by the first signal that asks to end. */
  readonly signal: AbortSignal;
}

/** SIGHUP and SIGUSR2 ask for fresh workers of the same release; Windows has neither (its SIGHUP is a closed console). */
const RELOAD_SIGNALS: readonly NodeJS.Signals[] = process.platform === "win32" ? [] : ["SIGHUP", "SIGUSR2"];
const LOOPBACK = "127.0.0.1";
const EVERY_ADDRESS = "::";

/** Supervises until it is asked to end and everything is drained. */
export async function superviseSite(site: SiteToSupervise): Promise<void> {
  const { layout, options, args, env, signal } = site;
  const supervisor = await Supervisor.open({
    layout,
    place: socketOfSystemd() ?? site.place,
    options,
    args,
    env,
    events: tellingSystemd(site.emit),
  });
  const stop = (): void => supervisor.stop(String((signal.reason as Error | undefined)?.message));
  const reload = (): void => {
    if (supervisor.isLive) supervisor.reload();
  };
  // The second signal ends this process at once, and then nobody else would end the workers.
  const abandon = (): void => supervisor.kill();
  process.once("exit", abandon);
  for (const name of RELOAD_SIGNALS) process.on(name, reload);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const control = await openControl(layout, supervisor);
    try {
      await supervisor.run();
    } finally {
      await control.close();
    }
  } finally {
    for (const name of RELOAD_SIGNALS) process.off(name, reload);
    process.off("exit", abandon);
    supervisor.kill();
  }
}

export interface WantedPlace {
  readonly port?: string;
  readonly host?: string;
}

/** What is asked for, then the environment, then the default. Throws USAGE. */
export function placeOf(wanted: WantedPlace, env: NodeJS.ProcessEnv): SocketPlace {
  const platform = env["HTTP_PLATFORM_PORT"];
  const port = wanted.port ?? platform ?? env["PORT"] ?? String(DEFAULT_PORT);
  // Nobody but the platform is to reach the site there.
  const behindPlatform = wanted.port === undefined && platform !== undefined;
  return { host: wanted.host ?? (behindPlatform ? LOOPBACK : EVERY_ADDRESS), port: portNumber(port) };
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InplaceError("USAGE", `${text} is no port number.`);
}
