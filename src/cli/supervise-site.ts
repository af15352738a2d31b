import { setTimeout as delay } from "node:timers/promises";
import type { SuperviseConfig } from "../config/supervise.ts";
import { asInplaceError, EXIT, InplaceError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { DEFAULT_PORT } from "../platform/listener.ts";
import { onDefect } from "../process/last-resort.ts";
import type { SiteLayout } from "../site/layout.ts";
import { openControl } from "../supervisor/control.ts";
import type { SocketPlace } from "../supervisor/held-socket.ts";
import { LONGEST_MS, normalizeSupervise, type NormalSuperviseOptions } from "../supervisor/options.ts";
import { inheritSocket, isSuccessor, Succession, SUCCESSION_LIMIT_MS } from "../supervisor/succession.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { pruneAfterDrop } from "./automatic-prune.ts";
import { defectEvent } from "./defect-event.ts";
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
  /** Started by a launcher: gives way to what launchers would start by now. */
  readonly launched: boolean;
}

/** SIGHUP and SIGUSR2 ask for fresh workers of the same release; Windows has neither (its SIGHUP is a closed console). */
const RELOAD_SIGNALS: readonly NodeJS.Signals[] = process.platform === "win32" ? [] : ["SIGHUP", "SIGUSR2"];
/** After a defect, beyond what is allowed for: then this process ends whatever it waits for. Milliseconds. */
const DEFECT_SLACK_MS = 10_000;
const LOOPBACK = "127.0.0.1";
const EVERY_ADDRESS = "::";
/** Between two looks at a control channel that another supervisor of the site has. Milliseconds. */
const CONTROL_AGAIN_MS = 200;

/** Supervises until it is asked to end and everything is drained. Gives the exit code. */
export async function superviseSite(site: SiteToSupervise): Promise<number> {
  const { layout, options, args, env, signal } = site;
  let succession: Succession | undefined;
  const events = tellingSystemd((event) => {
    site.emit(event);
    if (event.type === "release-switched") succession?.live();
    if (event.type !== "swap-finished") return;
    void succession?.look();
    void pruneAfterDrop(layout, event.artifact, { supervisor, signal, emit: site.emit });
  });
  const place = isSuccessor()
    ? { ...site.place, handle: await inheritSocket() }
    : (socketOfSystemd() ?? site.place);
  const supervisor = await Supervisor.open({ layout, place, options, args, env, events });
  const gone = new AbortController();
  const control = openControlOnceFree(layout, supervisor, {
    ended: gone.signal,
    events,
    // Another supervisor of the site ends this one, unless a platform handler runs both.
    besides: site.launched,
  });
  const stop = (reason: string): void => supervisor.stop(reason);
  const retire = (): void => {
    gone.abort();
    control.then((opened) => opened.close()).catch(() => undefined);
    supervisor.retire();
  };
  if (site.launched) {
    const { socket } = supervisor;
    succession = await Succession.open({ layout, args, env, events, socket, retire, stop });
  }
  const interrupted = (): void => {
    succession?.signal("SIGTERM");
    stop(String((signal.reason as Error | undefined)?.message));
  };
  const reload = (name: NodeJS.Signals): void => {
    if (succession?.signal(name) !== true && supervisor.isLive) supervisor.reload();
  };
  // The second signal ends this process at once, and then nobody else would end the workers.
  const abandon = (): void => {
    succession?.signal("SIGTERM");
    supervisor.kill();
  };
  process.once("exit", abandon);
  for (const name of RELOAD_SIGNALS) process.on(name, reload);
  signal.addEventListener("abort", interrupted, { once: true });
  if (signal.aborted) interrupted();
  let calm = (): void => undefined;
  try {
    if (!site.launched) await control;
    const running = supervisor.run();
    calm = onDefect({
      report: (error) => site.emit(defectEvent(error)),
      limitMs: SUCCESSION_LIMIT_MS + options.drainMs + DEFECT_SLACK_MS,
      // Workers answer by themselves meanwhile.
      handOver: async () => {
        if ((await succession?.handOver()) === true) return true;
        stop("a defect of its own");
        await running;
        return false;
      },
    });
    await Promise.race([running, rejectionOf(control)]);
    return (await succession?.ended()) ?? EXIT.done;
  } finally {
    calm();
    for (const name of RELOAD_SIGNALS) process.off(name, reload);
    process.off("exit", abandon);
    supervisor.kill();
    gone.abort();
    control.then((opened) => opened.close()).catch(() => undefined); // It says itself why it could not be opened.
  }
}

async function rejectionOf(promise: Promise<unknown>): Promise<never> {
  await promise;
  return await new Promise(() => undefined);
}

/**
 * A platform handler may run several processes of a site, and IIS starts the next before the one that it recycles has
 * ended; a successor starts beside its predecessor. Each serves, and the command talks to the one that has the channel.
 * A channel that cannot be opened ends no site either: that is said. Throws SUPERVISED_ALREADY unless `besides`.
 */
async function openControlOnceFree(
  layout: SiteLayout,
  supervisor: Supervisor,
  {
    ended,
    events,
    besides,
  }: { readonly ended: AbortSignal; readonly events: EventSink; readonly besides: boolean },
): Promise<{ close(): void }> {
  while (!ended.aborted) {
    try {
      return await openControl(layout, supervisor);
    } catch (error) {
      const { code, message } = asInplaceError(error);
      if (code !== "SUPERVISED_ALREADY") {
        events({ type: "control-unavailable", problem: message });
        break;
      }
      if (!besides) throw error;
    }
    await delay(CONTROL_AGAIN_MS, undefined, { signal: ended, ref: false }).catch(() => undefined);
  }
  return { close: () => undefined };
}

/** What is configured; INPLACE_DRAIN_MS wins over it. */
export function superviseOptions(config: SuperviseConfig, env: NodeJS.ProcessEnv): NormalSuperviseOptions {
  const drainMs = Number(env["INPLACE_DRAIN_MS"] || Number.NaN);
  return normalizeSupervise({ ...config, ...(drainMs >= 0 && { drainMs: Math.min(drainMs, LONGEST_MS) }) });
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
