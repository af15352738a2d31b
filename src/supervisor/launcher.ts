import type { EventSink, SupervisorEvent } from "../events.ts";
import { SUPERVISED_ENV } from "../process/worker-messages.ts";
import type { SiteLayout } from "../site/layout.ts";
import type { Front } from "./front.ts";
import type { NormalSuperviseOptions } from "./options.ts";
import type { WantedRelease } from "./release.ts";
import { workerCommand } from "./worker-command.ts";
import { Worker } from "./worker.ts";

export interface LaunchSetup {
  readonly layout: SiteLayout;
  readonly options: NormalSuperviseOptions;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly events: EventSink<SupervisorEvent>;
}

/** What describes sockets and channels of our own: no worker may take it for its own. */
const NOT_INHERITED = [
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_FDNAMES",
  "NOTIFY_SOCKET",
  "NODE_CHANNEL_FD",
  "INPLACE_APP_PID",
];

/** Starts the workers of one front. */
export class Launcher {
  readonly #setup: LaunchSetup;
  readonly #env: NodeJS.ProcessEnv;

  constructor(setup: LaunchSetup, { address, port }: Pick<Front, "address" | "port">) {
    this.#setup = setup;
    const own = {
      PORT: String(port),
      HTTP_PLATFORM_PORT: String(port),
      INPLACE_SITE_ROOT: setup.layout.root,
      [SUPERVISED_ENV]: address,
    };
    this.#env = { ...setup.env, ...own };
    for (const name of NOT_INHERITED) delete this.#env[name];
  }

  /** Throws START_FAILED or ARTIFACT_INCOMPLETE. */
  async launch({ artifact, path }: Pick<WantedRelease, "artifact" | "path">): Promise<Worker> {
    const { layout, options, args, events } = this.#setup;
    const call = await workerCommand(path, { args, socket: options.socket });
    const worker = await Worker.start(artifact, {
      call,
      cwd: layout.root,
      env: { ...this.#env, INPLACE_ARTIFACT: artifact },
      onOutput: (chunk, stream) => events({ type: "worker-output", stream, text: chunk.toString("utf8") }),
    });
    events({ type: "worker-started", artifact, pid: worker.pid });
    return worker;
  }
}
