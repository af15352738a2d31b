// What launchers start in a site unless its rollout is "recycle"; bundled into the site's runtime.
import { asInplaceError, ERROR_CODES, InplaceError, stackOf } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { wordsFor } from "../log/words.ts";
import { writeLine, writeOutput } from "../log/write-line.ts";
import { onStdinEnd } from "../runtime/signals.ts";
import { readHandover } from "../site/handover.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { outputWritten } from "../standard-streams.ts";
import { handoverOptions, type HandoverOptions } from "../supervisor/handover-options.ts";
import { isSuccessor } from "../supervisor/succession.ts";
import { onInterrupt } from "./interrupt.ts";
import { placeOf, superviseOptions, superviseSite } from "./supervise-site.ts";

/** Whoever does not read the last lines within so long does not read. Milliseconds. */
const UNREAD_MS = 1_000;

const print: EventSink = (event) => {
  if (event.type === "worker-output") return writeOutput(event.text, event.stream);
  const line = wordsFor(event);
  if (line.level !== "detail") writeLine(line, true);
};

/** The working folder is the site's root, the arguments are the artifact's. */
async function main({ argv, env }: NodeJS.Process): Promise<number> {
  const { signal: interrupted } = onInterrupt({ hangup: false });
  const signal = AbortSignal.any([interrupted, stdinEnd(env)]);
  try {
    const layout = siteLayout(env["INPLACE_SITE_ROOT"] ?? ".");
    const { config, problem } = await configured(layout);
    if (problem !== undefined) print({ type: "handover-unsound", file: layout.handover, problem });
    const httpOnly = env["HTTP_PLATFORM_PORT"] !== undefined;
    const options = { ...superviseOptions(config, env), httpOnly };
    const place = placeOf({}, env);
    const args = argv.slice(2);
    return await superviseSite({ layout, place, options, args, env, emit: print, signal, launched: true });
  } catch (error) {
    const { code, message, hint } = asInplaceError(error);
    print({ type: "command-failed", code, message, hint, stack: stackOf(error) });
    return ERROR_CODES[code].exit;
  }
}

/** Whatever is written there, the site is served. */
async function configured(layout: SiteLayout): Promise<HandoverOptions> {
  try {
    return handoverOptions((await readHandover(layout)) ?? "{}");
  } catch (error) {
    return { config: {}, problem: asInplaceError(error).message };
  }
}

/** How inplace serve tells its processes on Windows, where there is no SIGTERM, to end. */
function stdinEnd(env: NodeJS.ProcessEnv): AbortSignal {
  const ended = new AbortController();
  // A successor has no input; its keeper tells it.
  if (env["INPLACE_STOP_ON_STDIN_END"] === "1" && !isSuccessor())
    onStdinEnd(() => ended.abort(new InplaceError("INTERRUPTED", "Standard input was closed.")));
  return ended.signal;
}

process.exitCode = await main(process);
// A successor's channel to its keeper would keep it alive.
if (process.connected) process.disconnect();
if (!(await outputWritten(UNREAD_MS))) process.exit();
