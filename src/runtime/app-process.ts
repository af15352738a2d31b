import type { Server } from "node:net";
import type { StoppableOptions } from "../listener/options.ts";
import type { DrainReport } from "../listener/report.ts";
import { PROOF_UPTIME_MS } from "../site/proof.ts";
import { healthAnswer } from "../listener/health.ts";
import { answerFirst } from "../listener/own-requests.ts";
import { shutdownAnswer } from "../listener/shutdown-request.ts";
import { aboutToStop, stoppable, type StoppableServer } from "../listener/stoppable.ts";
import { onStopMessage, onWorkerListening, stopWorkers } from "./cluster-workers.ts";
import { SelfCalls, sideDoor } from "./self-calls.ts";
import { asOurs, HOOKS_LIMIT_MS, tellApp } from "./tell-app.ts";
import { armExitGuard, EXIT_CUT, EXIT_DRAINED, EXIT_GUARD_MS, exitFlushed, exitNow, within } from "./exit.ts";
import { roleOfThisProcess, type Role } from "./role.ts";
import { readSettings, type Settings } from "./settings.ts";
import { onSignals, onStdinEnd } from "./signals.ts";
import { SiteLink } from "./site-link.ts";
import { systemdNotifier, type SystemdNotifier } from "./systemd-notify.ts";
import { reportLine, say } from "./words.ts";

/** What the app wants done around its drain. A hook that fails, or takes longer than 5 s, is not waited for. */
export interface DrainHooks {
  readonly beforeDrain?: () => unknown;
  readonly afterDrain?: (reports: readonly DrainReport[]) => unknown;
}

/** A hook is waited for no longer than this, milliseconds. */
const HOOK_MS = 5_000;

/** Servers that only the app itself may still need get at least this for what is in flight when its visitors are gone. */
const LEAST_REST_MS = 1_000;

/**
 * serving -> visitors leave -> the rest stops -> told -> ended. One per process: first the servers that visitors use drain,
 * while the app may still call itself and its other servers, then those; then the app's own handlers of the end run, and it
 * exits with 0, or with 7 when connections had to be cut. Asked several times, it stops once.
 */
export class AppProcess {
  readonly role: Role;
  readonly #settings: Settings;
  readonly #site: SiteLink;
  readonly #notifier: SystemdNotifier | undefined;
  readonly #servers = new Set<StoppableServer>();
  readonly #hooks: DrainHooks[] = [];
  #longestMs: number;
  #ended: Promise<void> | undefined;
  #joined = false;
  #proving = false;
  #reachable: (() => void) | undefined;

  constructor(role: Role, settings: Settings) {
    this.role = role;
    this.#settings = settings;
    this.#longestMs = settings.deadlineMs;
    const released = (artifact: string): void => void this.stop(`${artifact} is to take over`);
    this.#notifier = role === "app" ? systemdNotifier() : undefined;
    this.#site = new SiteLink(role === "app" ? settings.site : undefined, released);
  }

  get site(): Settings["site"] {
    return this.#settings.site;
  }

  /** A server of this process, or of its workers, got its port. */
  get hasListened(): boolean {
    return this.#joined;
  }

  get startMs(): number {
    return this.#settings.startMs;
  }

  /** Whoever started this process said where visitors come. */
  get hasPort(): boolean {
    return givenPort() !== undefined;
  }

  /** Where it listens now. */
  get ports(): readonly number[] {
    return [...this.#servers].map(({ server }) => portOf(server)).filter((port) => port !== undefined);
  }

  /** Calls back once, when it listens where visitors come. */
  whenReachable(reachable: () => void): void {
    if (this.#proving) reachable();
    else this.#reachable = reachable;
  }

  get isStopping(): boolean {
    return this.#ended !== undefined;
  }

  /** Makes the server drain when the process is to stop. May be called before it listens, and again. */
  add(server: Server, options: StoppableOptions = {}, hooks: DrainHooks = {}): StoppableServer {
    const added = stoppable(server, {
      ...this.#settings.drain,
      deadlineMs: this.#settings.deadlineMs,
      ...options,
    });
    this.#longestMs = Math.max(this.#longestMs, options.deadlineMs ?? 0);
    this.#hooks.push(hooks);
    if (this.#servers.has(added)) return added;
    this.#servers.add(added);
    this.#answerFirst(added);
    server.on("listening", () => {
      this.#join(); // At once: who sees the port may send a signal.
      // Node's own server of a cluster gives its socket away at once; then it listens no more.
      setImmediate(() => server.listening && this.#listens(server));
    });
    server.on("close", () => this.#site.closed(server));
    if (server.listening) this.#listens(server);
    return added;
  }

  #answerFirst(added: StoppableServer): void {
    const { moduleToken, healthPath } = this.#settings;
    if (healthPath !== undefined) answerFirst(added.server, healthAnswer(healthPath, added));
    // A cluster's worker that ended would be one of many; there the module's Ctrl+Break reaches all.
    if (moduleToken === undefined || this.role !== "app") return;
    const stop = (): void => void this.stop("the platform's module");
    answerFirst(added.server, shutdownAnswer(moduleToken, stop));
  }

  /** Whether the server keeps the process alive. */
  holds(server: Server, holds: boolean): void {
    this.#site.holds(server, holds);
  }

  /** A worker of this process's cluster listens. */
  workerListens(): void {
    this.#join();
    this.#proves();
    this.#site.workerListens();
  }

  /** Drains everything and ends the process. Never rejects; the process ends before it resolves. */
  stop(cause: string): Promise<void> {
    this.#ended ??= this.#stop(cause);
    return this.#ended;
  }

  #listens(server: Server): void {
    this.#join();
    if (this.#isForVisitors(server)) this.#proves();
    this.#site.listens(server);
  }

  /** At the port that was given; for IIS's module also where that looks for it, which is 127.0.0.1. */
  #isForVisitors(server: Server): boolean {
    const port = givenPort();
    if (port === undefined) return true;
    if (portOf(server) !== port) return false;
    return this.#settings.moduleToken === undefined || takesLoopback(server);
  }

  /** Visitors can come: from now on the app can prove itself. A server elsewhere proves nothing. */
  #proves(): void {
    if (this.#proving || this.role !== "app") return;
    this.#proving = true;
    this.#reachable?.();
    setTimeout(() => this.#site.proven(), PROOF_UPTIME_MS).unref();
  }

  /** From its first server on, the process answers to signals; before, they end it as they would without us. */
  #join(): void {
    if (this.#joined) return;
    this.#joined = true;
    const { signals, ignoredSignals, site, stopOnStdinEnd } = this.#settings;
    for (const name of ignoredSignals)
      process.on(
        name,
        asOurs(() => undefined),
      );
    onSignals(signals, site !== undefined, (signal) => void this.#stopBySignal(signal), exitNow);
    if (stopOnStdinEnd) onStdinEnd(() => void this.stop("standard input closed"));
    if (this.role === "worker") onStopMessage(() => void this.stop("the app stops"));
    this.#notifier?.ready(`serving ${this.#settings.site?.artifact ?? ""}`);
  }

  /** The app's own handlers hear the signal by themselves. */
  #stopBySignal(signal: string): Promise<void> {
    this.#ended ??= this.#stop(signal, true);
    return this.#ended;
  }

  async #stop(cause: string, appKnows = false): Promise<void> {
    const hasHooks = this.#hooks.some((hooks) => hooks.beforeDrain ?? hooks.afterDrain);
    const mayEnd = armExitGuard(
      this.#longestMs + LEAST_REST_MS + (hasHooks ? 2 * HOOK_MS : 0) + HOOKS_LIMIT_MS + EXIT_GUARD_MS,
    );
    // The app's own handlers of the same signal run next.
    for (const { server } of this.#servers) aboutToStop(server);
    this.#notifier?.stopping(`draining (${cause})`);
    await this.#call((hooks) => hooks.beforeDrain?.());
    const [reports, workers] = await Promise.all([this.#drain(), stopWorkers()]);
    const clean = reports.every((report) => report.cut.length === 0) && workers.every((code) => code === 0);
    // One that never listened where visitors come has served nobody.
    if (clean && this.#proving) await this.#site.drained();
    await this.#site.recordDrain(Math.max(0, ...reports.map(({ durationMs }) => durationMs)));
    await this.#call((hooks) => hooks.afterDrain?.(reports));
    say(reportLine(cause, reports));
    await this.#notifier?.told();
    const code = clean ? EXIT_DRAINED : EXIT_CUT;
    mayEnd();
    if (!appKnows) await tellApp(code);
    await exitFlushed(code);
  }

  /** The servers that visitors use first: what is in flight may need the others, and this process's calls to itself. */
  async #drain(): Promise<DrainReport[]> {
    const startedAt = performance.now();
    const port = givenPort() ?? 0;
    const all = [...this.#servers];
    const atPort = all.filter(({ server }) => portOf(server) === port);
    const first = new Set(atPort.length > 0 ? atPort : all);
    const selfCalls = new SelfCalls();
    const door = first.size < all.length || atPort.length > 0 ? await sideDoor(port, [...first]) : undefined;
    for (const { server } of first) stoppable(server, { only: (socket) => !selfCalls.has(socket) });
    const visitors = await Promise.all([...first].map((each) => each.stop()));
    const left = Math.max(LEAST_REST_MS, this.#settings.deadlineMs - (performance.now() - startedAt));
    const others = all.filter((each) => !first.has(each));
    for (const { server } of others) stoppable(server, { deadlineMs: left });
    const rest = await Promise.all(others.map((each) => each.stop()));
    door?.close();
    return [...visitors, ...rest];
  }

  async #call(hook: (hooks: DrainHooks) => unknown): Promise<void> {
    const calls = this.#hooks.map(async (hooks) => {
      try {
        await hook(hooks);
      } catch (error) {
        say(`a drain hook failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
    await within(HOOK_MS, Promise.all(calls));
  }
}

/** What the platform gave to the app; undefined where nobody did. */
function givenPort(): number | undefined {
  return Number(process.env["PORT"]) || undefined;
}

function takesLoopback(server: Server): boolean {
  const address = server.address();
  if (typeof address !== "object" || address === null) return false;
  return ["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"].includes(address.address);
}

function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

const KEY = Symbol.for("inplace-deploy.app-process.1");
const shared = globalThis as { [KEY]?: AppProcess };

/** The one of this process, also where the preloaded runtime and the library are both in it. */
export function appProcess(): AppProcess {
  return (shared[KEY] ??= begin());
}

function begin(): AppProcess {
  const app = new AppProcess(roleOfThisProcess(), readSettings(process.env));
  if (app.role === "app") onWorkerListening(() => app.workerListens());
  return app;
}
