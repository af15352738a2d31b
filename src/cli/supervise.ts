import { loadConfig } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { placeOf, superviseOptions, superviseSite, type WantedPlace } from "./supervise-site.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineSupervise: DefineVerb = (program, run) => {
  program
    .command("supervise")
    .description("hold the site's port and hand it from release to release without losing a request")
    .option("--port <number>", "where to listen (default: HTTP_PLATFORM_PORT, then PORT, then 8080)")
    .option("--host <address>", "address to listen on (default: all; 127.0.0.1 behind a platform handler)")
    .argument("[arguments...]", "passed on to the site's program")
    .action((args: readonly string[], flags: WantedPlace) =>
      run((context) => supervise(context, args, flags), { service: true, hangup: false }),
    );
};

/** Ends on Ctrl+C or SIGTERM, when everything is drained. */
async function supervise(
  context: VerbContext,
  args: readonly string[],
  flags: WantedPlace,
): Promise<Outcome> {
  const { env, emit, signal } = context;
  const layout = context.site();
  const { supervise: config, overlap } = await loadConfig(layout.root);
  if (!overlap) {
    throw new InplaceError(
      "CONFIG_INVALID",
      "overlap is false: the app may not run twice, and a handover runs it twice.",
      {
        hint: "inplace-deploy serve and systemd end the old process first.",
      },
    );
  }
  const place = placeOf(flags, env);
  const options = superviseOptions(config, env);
  await superviseSite({ layout, place, options, args, env, emit, signal, launched: false });
  return { document: { stopped: true } };
}
