import type { SupervisorEvent } from "../events.ts";
import { detail, error, info, warn, type Words } from "./line.ts";

type SwapFigures = Omit<
  Extract<SupervisorEvent, { readonly type: "swap-finished" }>,
  "type" | "artifact" | "previous"
>;

export const SUPERVISOR_WORDS: Words<SupervisorEvent> = {
  supervising: ({ address, port, by }) =>
    info(`holding ${place(address, port)}${by === "spliced" ? ", spliced" : ""}`),
  "waiting-for-release": () => info("nothing to run yet; waiting for a release"),
  "worker-output": ({ stream, text }) => {
    const line = text.replace(/\r?\n$/, "");
    return stream === "stderr" ? warn(line) : info(line);
  },
  "worker-started": ({ artifact, pid }) => detail(`${artifact} started, pid ${pid}`),
  "worker-died": ({ artifact, pid, how }) => warn(`${artifact} (pid ${pid}) is lost: ${how}`),
  "worker-restarting": ({ artifact, pauseMs }) =>
    info(`${artifact} is started again${pauseMs === 0 ? "" : ` in ${pauseMs} ms`}; connections wait`),
  "worker-not-restarted": ({ artifact, reason }) => warn(`${artifact} could not be started again: ${reason}`),
  "release-switched": ({ artifact, previous }) =>
    info(previous === undefined ? `live: ${artifact}` : `live: ${artifact} (was ${previous})`),
  "release-superseded": ({ artifact, by }) => info(`${artifact} gives way to the newer ${by}`),
  "release-failed": ({ artifact, reason, output, kept }) => {
    const serving = kept === undefined ? "nothing runs" : `${kept} serves on`;
    return error(
      [`${artifact} failed: ${reason}; ${serving}`, ...output.map((line) => `  | ${line}`)].join("\n"),
    );
  },
  "release-late": ({ artifact, ms, meanwhile }) =>
    warn(`${artifact} is not ready after ${ms} ms; ${meanwhile} serves while it is tried again`),
  "release-waits": ({ artifact, reason, kept, againMs }) => {
    const serving = kept === undefined ? "nothing runs" : `${kept} serves on`;
    return error(`${artifact} waits: ${reason}; ${serving}; tried again in ${againMs} ms`);
  },
  "swap-finished": (swap) => info(`swap to ${swap.artifact}: ${swapCost(swap)}`),
  "handover-unsound": ({ file, problem }) => warn(`${file}: ${problem}; the default holds`),
  "successor-starting": ({ program }) => info(`a new supervisor starts: ${program}`),
  "successor-live": ({ pid }) => info(`the supervisor of process ${pid} has taken over`),
  "successor-failed": ({ problem }) =>
    warn(`the new supervisor did not take over: ${problem}; this one goes on`),
  "control-unavailable": ({ problem }) =>
    warn(`status, wait and rollback cannot ask this supervisor: ${problem}`),
  "supervisor-stopping": ({ reason }) => info(`stopping: ${reason}`),
};

/** What a swap cost, in a line. */
export function swapCost(swap: SwapFigures): string {
  const parts = [
    ms("noticed after", swap.detectedAfterMs),
    ms("ready after", swap.readyAfterMs),
    ms("switched after", swap.switchedAfterMs),
    ms("first request after", swap.firstRequestAfterMs),
    ms("old one drained after", swap.drainedAfterMs),
    swap.requests === undefined ? undefined : `${swap.requests} requests meanwhile`,
    `${swap.cut} cut`,
    `${swap.reset} reset`,
    swap.lostWorkers === 0 ? undefined : `${swap.lostWorkers} old workers died`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function place(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function ms(what: string, value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${what} ${value} ms`;
}
