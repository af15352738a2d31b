import type { PlatformEvent, WatchEvent } from "../events.ts";
import { detail, info, warn, type Line, type Words } from "./line.ts";
import { WATCH_WORDS } from "./watch-words.ts";

export const PLATFORM_WORDS: Words<PlatformEvent> = {
  "handler-listening": ({ urls }) => info(`serving on ${urls.join(" and ")}`),
  "handler-stopping": () => info("stopping: requests in flight are still answered"),
  "backend-starting": ({ pid, port, attempt }) =>
    detail(`process ${pid} starts for port ${port}${attempt > 1 ? ` (attempt ${attempt})` : ""}`),
  "backend-start-failed": ({ pid, attempt, problem }) =>
    warn(
      `${pid === undefined ? "the process" : `process ${pid}`} did not start (attempt ${attempt}): ${problem}`,
    ),
  "backend-ready": ({ pid, port, artifact }) => info(`${running(pid, artifact)} is ready on port ${port}`),
  "backend-draining": ({ pid, artifact }) =>
    info(`${running(pid, artifact)} drains: new requests wait for the next one`),
  "backend-port-taken": ({ pid, port, by }) =>
    warn(
      `port ${port} of process ${pid}, which drains, was taken by another program ` +
        `(${by.pid === undefined ? "" : `process ${by.pid}, `}account ${by.uid}): it gets no requests`,
    ),
  "backend-stopping": ({ pid, artifact }) => info(`${running(pid, artifact)} is asked to stop`),
  "backend-exited": ({ pid, artifact, code, signal, asked }) => {
    const text = `${running(pid, artifact)} ended with ${signal ?? `code ${code ?? "unknown"}`}`;
    return asked || code === 0 ? info(text) : warn(text);
  },
  "site-file-changed": ({ path }) => info(`${path} has changed`),
  "stdout-log-failed": ({ problem }) => warn(`the output of the process cannot be logged: ${problem}`),
  "access-log-failed": ({ problem }) => warn(`requests cannot be logged: ${problem}`),
  "log-behind": ({ log, entries }) =>
    warn(`the disk does not keep up: ${entries} entries of the ${log} log are lost`),
  "site-broken": ({ problem }) => warn(`the site answers 500.19: ${problem}`),
  "config-refused": ({ problem }) =>
    warn(`web.config is not taken, the site goes on by the one before: ${problem}`),
  "web-config-problem": ({ problem }) => warn(problem),
  "config-change-ignored": () =>
    info("the processes stay as they are: web.config says disallowRotationOnConfigChange"),
  "setting-without-effect": ({ place, setting, why }) =>
    warn(`${place}: ${setting} has no effect here: ${why}`),
  "certificate-renewed": ({ path }) => info(`new connections get the certificate of ${path}`),
  "certificate-refused": ({ problem }) => warn(`the certificate stays as it is: ${problem}`),
  "artifact-live": ({ artifact, pid }) => info(`${artifact} is live in process ${pid}`),
  "site-failed": ({ problem }) => warn(`a change of the site was not followed: ${problem}`),
  "health-unrecorded": ({ problem }) => warn(`the live artifact could not be recorded: ${problem}`),
  "handler-unrecorded": ({ problem }) => warn(`inplace-deploy status will not tell of this: ${problem}`),
  "defect-contained": ({ stack }) =>
    warn(`a defect of inplace-deploy ended one request or connection; please report it:\n${stack}`),
  "overlap-starting": ({ artifact }) =>
    info(`${artifact ?? "the changed web.config"}: starts beside what serves`),
  "overlap-switched": ({ artifact, previous, ms }) =>
    info(
      `${previous ?? "the processes before"} -> ${artifact ?? "by the changed web.config"} after ${ms} ms`,
    ),
  "overlap-failed": ({ artifact, reason, output, kept }) =>
    warn(
      [
        `${artifact ?? "the changed web.config"} is not taken: ${reason} ${kept ?? "What runs"} serves on.`,
        ...output,
      ].join("\n  | "),
    ),
  "overlap-given-up": ({ artifact }) =>
    info(`${artifact ?? "the changed web.config"}: given up for something newer`),
  watched: ({ event }) => (WATCH_WORDS[event.type] as (event: WatchEvent) => Line)(event),
  "site-added": () => info("is served from now on"),
  "site-removed": () => info("is no longer served: its processes stop"),
  "sites-refused": ({ problem }) => warn(`the sites stay as they are: ${problem}`),
  "of-site": ({ site, event }) => {
    const { level, text } = wordsOf(event);
    return { level, text: `${site}: ${text}` };
  },
};

function wordsOf(event: PlatformEvent): Line {
  return (PLATFORM_WORDS[event.type] as (event: PlatformEvent) => Line)(event);
}

function running(pid: number, artifact: string | undefined): string {
  return artifact === undefined ? `process ${pid}` : `${artifact} (process ${pid})`;
}
