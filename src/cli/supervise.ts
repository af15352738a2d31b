import { EXIT, InplaceError } from "../errors.ts";
import { loadConfig } from "../config/load.ts";
import { DEFAULT_PORT } from "../platform/listener.ts";
import { openControl } from "../supervisor/control.ts";
import type { SocketPlace } from "../supervisor/held-socket.ts";
import { normalizeSupervise } from "../supervisor/options.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { socketOfSystemd, tellingSystemd } from "./supervise-systemd.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

interface SuperviseFlags {
  readonly port?: string;
  readonly host?: string;
}

/** SIGHUP and SIGUSR2 ask for fresh workers of the same release; Windows has neither (its SIGHUP is a closed console). */
const RELOAD_SIGNALS: readonly NodeJS.Signals[] = process.platform === "win32" ? [] : ["SIGHUP", "SIGUSR2"];
const LOOPBACK = "127.0.0.1";
const EVERY_ADDRESS = "::";

export const defineSupervise: DefineVerb = (program, run) => {
  program
    .command("supervise")
    .description("hold the site's port and hand it from release to release without losing a request")
    .option("--port <number>", "where to listen (default: HTTP_PLATFORM_PORT, then PORT, then 8080)")
    .option("--host <address>", "address to listen on (default: all; 127.0.0.1 behind a platform handler)")
    .argument("[arguments...]", "passed on to the site's program")
    .action((args: readonly string[], flags: SuperviseFlags) =>
      run((context) => supervise(context, args, flags), { hangup: "reload" }),
    );
};

/** Ends on Ctrl+C or SIGTERM, when everything is drained. */
async function supervise(
  context: VerbContext,
  args: readonly string[],
  flags: SuperviseFlags,
): Promise<Outcome> {
  const layout = context.site();
  const config = await loadConfig(layout.root);
  const supervisor = await Supervisor.open({
    layout,
    place: socketOfSystemd() ?? placeOf(flags, context.env),
    options: normalizeSupervise(config.supervise),
    args,
    env: context.env,
    events: tellingSystemd(context.emit),
  });
  const stop = (): void => supervisor.stop(String((context.signal.reason as Error | undefined)?.message));
  const reload = (): void => {
    if (supervisor.isLive) supervisor.reload();
  };
  // The second signal ends this process at once, and then nobody else would end the workers.
  const abandon = (): void => supervisor.kill();
  process.once("exit", abandon);
  for (const signal of RELOAD_SIGNALS) process.on(signal, reload);
  context.signal.addEventListener("abort", stop, { once: true });
  if (context.signal.aborted) stop();
  const control = await openControl(layout, supervisor);
  try {
    await supervisor.run();
  } finally {
    await control.close();
    for (const signal of RELOAD_SIGNALS) process.off(signal, reload);
    process.off("exit", abandon);
  }
  return { exit: EXIT.done, document: { stopped: true, port: supervisor.port } };
}

/** Flag, then environment, then default. */
function placeOf(flags: SuperviseFlags, env: NodeJS.ProcessEnv): SocketPlace {
  const platform = env["HTTP_PLATFORM_PORT"];
  const port = flags.port ?? platform ?? env["PORT"] ?? String(DEFAULT_PORT);
  const behindPlatform = flags.port === undefined && platform !== undefined;
  return { host: flags.host ?? (behindPlatform ? LOOPBACK : EVERY_ADDRESS), port: portNumber(port) };
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InplaceError("USAGE", `${text} is no port number.`);
}
