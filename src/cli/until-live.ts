import { fallenBackFrom, waitUntilLive } from "../deploy/wait.ts";
import { InplaceError } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";
import { swapCost } from "../log/supervisor-words.ts";
import { pointedArtifact } from "../site/pointer.ts";
import { askSupervisor } from "../supervisor/ask.ts";
import type { SwapReport } from "../supervisor/swap-report.ts";

export interface Live {
  readonly artifact: string;
  readonly ms: number;
  /** What it cost, where a supervisor made it live. */
  readonly swap?: SwapReport;
}

/**
 * Waits until an artifact (default: the one released last) is live and has proved itself: by asking the site's supervisor,
 * else by looking at the site. Throws START_FAILED, SUPERSEDED or TIMED_OUT.
 */
export async function untilLive(
  layout: SiteLayout,
  artifact: string | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Live> {
  const startedAt = Date.now();
  const limit = AbortSignal.timeout(timeoutMs);
  // Of one that has failed the site's own records tell.
  const fallen = artifact === undefined ? await fallenBackFrom(layout) : undefined;
  const wanted = artifact ?? (fallen === undefined ? await pointedArtifact(layout) : undefined);
  const outcome =
    wanted === undefined
      ? undefined
      : await askSupervisor(
          layout,
          { ask: "wait", artifact: wanted },
          AbortSignal.any([signal, limit]),
        ).catch((error: unknown) => {
          // Then the site's own records tell, as where none runs.
          if (error instanceof InplaceError && MAY_NOT_ASK.has(error.code)) return undefined;
          if (!limit.aborted || signal.aborted) throw error;
          throw new InplaceError("TIMED_OUT", `${wanted} is not live after ${timeoutMs / 1000} s.`);
        });
  switch (outcome?.result) {
    case undefined:
      return await waitUntilLive({ layout, artifact, timeoutMs, signal });
    case "live": {
      const { swap } = outcome;
      return { artifact: outcome.artifact, ms: Date.now() - startedAt, ...(swap && { swap }) };
    }
    case "failed": {
      const { reason, output, live } = outcome;
      const message = [`${outcome.artifact} failed: ${reason}.`, ...output.map((line) => `  | ${line}`)].join(
        "\n",
      );
      const kept = live === undefined ? "Nothing runs; deploy a release that starts." : `${live} serves on.`;
      const port = live !== undefined && output.some((line) => line.includes("EADDRINUSE"));
      throw new InplaceError("START_FAILED", message, { hint: port ? `${kept} ${PORT_OF_BOTH}` : kept });
    }
    case "superseded":
      throw new InplaceError("SUPERSEDED", `${outcome.artifact} gave way to the newer ${outcome.by}.`);
    default:
      return outcome satisfies never;
  }
}

/** A second port of the app is no matter of the supervisor's. */
const PORT_OF_BOTH =
  'Both releases run during a handover: let the new one choose another port beside PORT, or configure "overlap": false.';

const MAY_NOT_ASK: ReadonlySet<string> = new Set(["ACCESS_DENIED", "CONTROL_UNTRUSTED"]);

/** One line for people. */
export function describeLive({ artifact, ms, swap }: Live): string {
  const live = `${artifact} is live after ${(ms / 1000).toFixed(1)} s`;
  if (swap === undefined) return live;
  return `${live}: ${swapCost(swap)}`;
}
