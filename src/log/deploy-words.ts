import type { DeployEvent } from "../events.ts";
import { info, warn, type Words } from "./line.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const DEPLOY_WORDS: Words<DeployEvent> = {
  "lock-wait": ({ owner, pid, host }) => info(`waiting for the deploy of ${owner}, pid ${pid} on ${host}`),
  "lock-wait-goes-on": ({ elapsedMs }) =>
    info(`still waiting for another deploy after ${Math.round(elapsedMs / 1000)} s`),
  "build-started": ({ artifact, builder }) => info(`building ${artifact} (${builder})`),
  "build-output": ({ line }) => info(`  | ${line}`),
  "build-warning": ({ message, hint }) => warn(`${message}\n  ${hint}`),
  "build-goes-on": ({ elapsedMs }) => info(`still building after ${Math.round(elapsedMs / 1000)} s`),
  "build-ended": ({ artifact, ms }) => info(`built ${artifact} in ${seconds(ms)}`),
  "artifact-reused": ({ artifact }) => info(`${artifact} was built before; not built again`),
  "checkout-started": ({ commit }) => info(`checking out ${commit.slice(0, 10)}`),
  "checkout-goes-on": ({ elapsedMs }) => info(`still checking out after ${Math.round(elapsedMs / 1000)} s`),
  "file-copied": ({ path }) => info(`copied ${path}`),
  "file-removed": ({ path }) => info(`removed ${path}, which is gone from the source`),
  "rollout-recycles": ({ overlap }) =>
    info(
      `rollout: recycle${overlap ? "" : " (overlap: false)"}: who comes while the old release drains waits for it; IIS answers 502.3`,
    ),
  "rollout-changed": ({ rollout }) =>
    info(
      rollout === "handover"
        ? "rollout: handover from now on: the launcher starts a supervisor; what runs now gives way once more by recycling"
        : "rollout: recycle from now on: the supervisor that runs hands over this once, then the launcher starts the artifact itself",
    ),
  "post-action-started": ({ action }) => info(`running ${action}`),
  "post-action-goes-on": ({ elapsedMs }) => info(`still running after ${Math.round(elapsedMs / 1000)} s`),
  "push-ignored": ({ branch }) => info(`nothing to deploy: only pushes to ${branch} go live`),
  "packages-started": () => info("installing packages"),
  "packages-go-on": ({ elapsedMs }) =>
    info(`still installing packages after ${Math.round(elapsedMs / 1000)} s`),
  "artifact-pruned": ({ artifact }) => info(`removed ${artifact}`),
  "artifact-locked": ({ artifact }) => warn(`${artifact} is in use; the next prune tries again`),
  "post-action-output": ({ line }) => info(`  | ${line}`),
};
