import type { Server } from "node:net";
import { healthAnswer } from "../listener/health.ts";
import { answerFirst } from "../listener/own-requests.ts";
import type { StoppableOptions } from "../listener/options.ts";
import type { StoppableServer } from "../listener/stoppable.ts";
import { appProcess, type DrainHooks } from "./app-process.ts";

export interface AttachOptions extends StoppableOptions, DrainHooks {
  /** Path of a health response for load balancers: 200, and 503 with Retry-After while draining. Default: none. */
  readonly healthPath?: string;
}

export interface AttachedServer extends StoppableServer {
  /** Stops the whole process as a newer release would: all servers drain, then it exits. */
  shutdown(): Promise<void>;
}

/**
 * Makes the server and its process take part without the preloaded runtime: a newer release or a signal drains all
 * attached servers and ends the process. Also good for options and hooks where the runtime is preloaded.
 */
export function attach(server: Server, options: AttachOptions = {}): AttachedServer {
  const app = appProcess();
  const { beforeDrain, afterDrain, healthPath, ...drain } = options;
  const hooks = { ...(beforeDrain && { beforeDrain }), ...(afterDrain && { afterDrain }) };
  const added = app.add(server, drain, hooks);
  if (healthPath !== undefined) answerFirst(server, healthAnswer(healthPath, added));
  return {
    server,
    get isDraining() {
      return added.isDraining;
    },
    get draining() {
      return added.draining;
    },
    stop: () => added.stop(),
    shutdown: () => app.stop("asked by the app"),
  };
}
