import { StringDecoder } from "node:string_decoder";
import { InplaceError } from "../errors.ts";
import type { EventSink, SupervisorEvent } from "../events.ts";
import { choosePort } from "../process/port.ts";
import { PUBLIC_PORT_ENV, SUPERVISED_ENV } from "../process/worker-messages.ts";
import { SUCCEEDS_ENV } from "./succession.ts";
import type { SiteLayout } from "../site/layout.ts";
import { runnableFile } from "../site/trust/runnable.ts";
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
  SUCCEEDS_ENV,
];

/** Starts the workers of one front, and knows all that run. */
export class Launcher {
  readonly #setup: LaunchSetup;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running = new Set<Worker>();
  #closed = false;
  #resetsOfGone = 0;
  /** A worker was asked to end the site. */
  onStopAsked: () => void = () => undefined;

  constructor(setup: LaunchSetup, { address, port }: Pick<Front, "address" | "port">) {
    this.#setup = setup;
    const own = {
      [PUBLIC_PORT_ENV]: String(port),
      INPLACE_SITE_ROOT: setup.layout.root,
      [SUPERVISED_ENV]: address,
    };
    this.#env = { ...setup.env, ...own };
    for (const name of NOT_INHERITED) delete this.#env[name];
  }

  /** Throws START_FAILED, and what `runnableFile` throws for what must not run. */
  async launch({ artifact }: Pick<WantedRelease, "artifact">): Promise<Worker> {
    const { layout, options, args, events } = this.#setup;
    const call = workerCommand(await runnableFile(layout, artifact), { args, socket: options.socket });
    const port = String(await choosePort());
    if (this.#closed) throw new InplaceError("START_FAILED", `${artifact} was not started: it is to end.`);
    // A chunk may end inside a character.
    const characters = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
    const worker = await Worker.start(artifact, {
      call,
      cwd: layout.root,
      drainMs: options.drainMs,
      env: { ...this.#env, PORT: port, HTTP_PLATFORM_PORT: port, INPLACE_ARTIFACT: artifact },
      onOutput: (chunk, stream) =>
        events({ type: "worker-output", stream, text: characters[stream].write(chunk) }),
    });
    this.#running.add(worker);
    void worker.exited.then(() => {
      this.#running.delete(worker);
      this.#resetsOfGone += worker.resets;
    });
    void worker.heard("stop-asked", new AbortController().signal).then(() => this.onStopAsked());
    events({ type: "worker-started", artifact, pid: worker.pid });
    return worker;
  }

  /** Connections that programs broke, in all workers that there ever were. */
  get resets(): number {
    return [...this.#running].reduce((sum, { resets }) => sum + resets, this.#resetsOfGone);
  }

  /** Nothing is started any more; resolves when all that runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running].map((worker) => worker.exited));
  }

  /** Ends everything now, also what has only just been started. */
  kill(): void {
    this.#closed = true;
    for (const worker of this.#running) void worker.kill();
  }
}
