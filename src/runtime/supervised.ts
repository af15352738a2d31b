// Preloaded into the Node workers of `inplace supervise`: gives the app's listen(PORT) the socket that the supervisor holds.
import type { SendHandle } from "node:child_process";
import { Server } from "node:net";
import { isMainThread } from "node:worker_threads";
import { answerFirst } from "../listener/own-requests.ts";
import { shutdownAnswer } from "../listener/shutdown-request.ts";
import { asToWorker, SUPERVISED_ENV, type FromWorker, type ToWorker } from "../process/worker-messages.ts";
import { armExitGuard, EXIT_CUT, EXIT_DRAINED, EXIT_GUARD_MS, exitFlushed, exitNow } from "./exit.ts";
import { listenRequest } from "./listen-request.ts";
import { moduleToken } from "./settings.ts";
import { WorkerListener, type DrainOrder, type Listen, type SharedPlace } from "./worker-listener.ts";

/** When the supervisor has died nobody sets a deadline. */
const ORPHAN_DEADLINE_MS = 30_000;

class SupervisedProcess {
  readonly #place: SharedPlace;
  #listener: WorkerListener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(place: SharedPlace) {
    this.#place = place;
    patchListen((server, args, listen) => this.#took(server, args, listen));
    process.on("message", (message, handle) => {
      const order = asToWorker(message);
      if (order !== undefined) void this.#obey(order, handle as SendHandle | undefined);
    });
    // A supervisor that died while this was being loaded is not told of any more.
    if (!process.connected) exitNow(EXIT_DRAINED);
    process.once("disconnect", () => void this.#stop({ deadlineMs: ORPHAN_DEADLINE_MS, last: true }));
    // A program that never listens may end by itself.
    process.channel?.unref();
  }

  /** Whether this listen was for the shared port. */
  #took(server: Server, args: readonly unknown[], listen: Listen): boolean {
    const request = listenRequest(args);
    if (request?.kind !== "tcp" || request.port !== this.#place.port) return false;
    const callback = args.findLast((arg) => typeof arg === "function");
    if (callback !== undefined) server.once("listening", callback as () => void);
    if (this.#listener !== undefined) {
      // The shared socket serves every address, so a second server for another address of this port has nothing to do.
      process.nextTick(() => server.emit("listening"));
      return true;
    }
    const onFirstRequest = (): void => tell({ inplace: "first-request", at: Date.now() });
    const token = moduleToken(process.env);
    if (token !== undefined)
      answerFirst(
        server,
        shutdownAnswer(token, () => tell({ inplace: "stop-asked" })),
      );
    const listener = new WorkerListener(server, listen, this.#place, onFirstRequest);
    this.#listener = listener;
    process.channel?.ref();
    void listener.openProbe().then((port) => tell({ inplace: "listening", port, secure: listener.secure }));
    return true;
  }

  async #obey(order: ToWorker, handle: SendHandle | undefined): Promise<void> {
    switch (order.inplace) {
      case "serve":
        await this.#listener?.serve(handle);
        return tell({ inplace: "serving" });
      case "proven":
        return this.#listener?.closeProbe();
      case "park":
        await this.#drain({ ...order, last: false });
        return;
      case "stop":
        return await this.#stop(order);
      case "count":
        return tell({ inplace: "counted", requests: this.#listener?.requests ?? 0 });
      default:
        return order satisfies never;
    }
  }

  async #drain(order: DrainOrder): Promise<number> {
    const report = await this.#listener?.drain(order);
    const { served = 0, cut = [], durationMs = 0 } = report ?? {};
    tell({ inplace: "drained", served, cut: cut.length, durationMs });
    return cut.length;
  }

  async #end(order: DrainOrder): Promise<void> {
    armExitGuard(order.deadlineMs + EXIT_GUARD_MS);
    const cut = await this.#drain(order);
    await exitFlushed(cut === 0 ? EXIT_DRAINED : EXIT_CUT);
  }

  #stop(order: DrainOrder): Promise<void> {
    this.#stopping ??= this.#end(order);
    return this.#stopping;
  }
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Asks first, for every listen of every server; gives it the unpatched function. */
function patchListen(take: (server: Server, args: readonly unknown[], listen: Listen) => boolean): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to its server again
  const listen = Server.prototype.listen as Listen;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    return take(this, args, listen) ? this : listen.apply(this, args);
  } as typeof Server.prototype.listen;
}

const address = process.env[SUPERVISED_ENV];
if (isMainThread && process.send !== undefined && address !== undefined) {
  new SupervisedProcess({ address, port: Number(process.env["PORT"]) });
}
