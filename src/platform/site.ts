import { asInplaceError, InplaceError } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import type { ChildOptions } from "../process/child.ts";
import { HandlerRecord } from "../site/handler-record.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readAppOffline } from "./app-offline.ts";
import { Application } from "./application.ts";
import { Changeover, type Stage } from "./changeover.ts";
import type { Exchange, Router } from "./exchange.ts";
import { FileWatch, settled } from "./file-watch.ts";
import type { HoldLimits } from "./hold-queue.ts";
import { applicationEnvironment } from "./application-environment.ts";
import { expandVariables } from "./expand.ts";
import { launchOf } from "./launch.ts";
import { localPath } from "../process/windows-path.ts";
import { refusalOf, STOPPED, type SiteState } from "./sites/site-state.ts";
import { spellingsOf } from "../site/windows-names.ts";
import { SiteReleases } from "./site-releases.ts";
import { remarksOn } from "./web-config/remarks.ts";
import { readWebConfig, type PlatformConfig } from "./web-config/read.ts";

export interface SiteOptions {
  readonly layout: SiteLayout;
  /** The path under which the application lies: "/" or "/app". */
  readonly basePath: string;
  /** See LaunchOptions. */
  readonly strict: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly hold: HoldLimits;
  /** Where visitors come; it may never be settled. */
  readonly urls: Promise<readonly string[]>;
  readonly events: EventSink<PlatformEvent>;
  readonly onOutput: ChildOptions["onOutput"];
}

/**
 * One site: its web.config, its application, and the files and releases that change both.
 * serving ⇄ offline (app_offline.htm); broken (web.config at the start, as in IIS at any time) ⇄ serving; each → stopped.
 */
export class Site implements Router, Stage {
  readonly #options: SiteOptions;
  readonly #watch: FileWatch;
  /** The one that serves, one that may come, and those that end. */
  readonly #applications = new Map<Application, PlatformConfig>();
  readonly #changeover: Changeover;
  readonly #releases: SiteReleases;
  readonly #record: HandlerRecord;
  #state: SiteState = STOPPED;
  /** undefined where web.config cannot be used. */
  #config: PlatformConfig | undefined;
  #stopping = false;

  private constructor(options: SiteOptions, watch: FileWatch) {
    this.#options = options;
    this.#watch = watch;
    this.#changeover = new Changeover(this);
    this.#releases = new SiteReleases(options.layout);
    const unrecorded = (error: unknown): void =>
      options.events({ type: "handler-unrecorded", problem: asInplaceError(error).message });
    this.#record = new HandlerRecord(options.layout, unrecorded);
  }

  /** Throws WEB_CONFIG_MISSING or WEB_CONFIG_INVALID. */
  static async open(options: SiteOptions): Promise<Site> {
    const site = await Site.#seen(options);
    await site.#use(await readWebConfig(options.layout.webConfig));
    await site.#begin();
    return site;
  }

  /** For one site of several: what is wrong with it is what it answers, and the others do not notice. */
  static async openAnyway(options: SiteOptions): Promise<Site> {
    const site = await Site.#seen(options);
    await site.#reload();
    await site.#begin();
    return site;
  }

  static async #seen(options: SiteOptions): Promise<Site> {
    const { appOffline, webConfig } = options.layout;
    return new Site(options, await FileWatch.of([appOffline, webConfig]));
  }

  async #begin(): Promise<void> {
    const { urls } = this.#options;
    // The files are looked at again.
    this.#watch.begin((path) => this.#take(path).catch(this.#failed));
    await this.#releases.remember();
    urls.then((where) => this.#listens(where)).catch(this.#failed);
  }

  /** Visitors can come. A handler that cannot listen, for another one does, starts no processes beside those of that one. */
  async #listens(urls: readonly string[]): Promise<void> {
    if (this.#stopping) return;
    const { layout, events, strict } = this.#options;
    this.#record.begin(urls);
    if (strict) return;
    const env = (): NodeJS.ProcessEnv => applicationEnvironment(this.#config, this.#options.env, layout.root);
    this.#releases.watch(env, (event) => {
      // A supervisor says so itself.
      const saidThere = event.type === "release-found" && this.serving()?.instance?.supervises === true;
      if (!saidThere) events({ type: "watched", event });
      if (event.type !== "release-found") return;
      this.#changeover.want({ artifact: event.artifact, again: event.cause === "replaced" });
    });
    // As a release that comes later would be.
    if (await this.#releases.isUntried()) this.serving()?.start();
  }

  get layout(): SiteLayout {
    return this.#options.layout;
  }

  /** So that one site and a SiteSet are used alike. */
  get all(): readonly Site[] {
    return [this];
  }

  get events(): EventSink<PlatformEvent> {
    return this.#options.events;
  }

  route(exchange: Exchange): void {
    exchange.answerFields = this.#config?.answerFields ?? "";
    const refusal = refusalOf(this.#state, this.#config, exchange.head);
    if (refusal !== undefined) exchange.fail(refusal);
    else this.serving()?.route(exchange);
  }

  /** Stops its processes gracefully. No request must be on its way to them. */
  async stop(): Promise<void> {
    await this.#endBy((application) => application.stop(this));
  }

  /** Lets its processes answer what is on its way to them, for as long as at a swap, then stops them. */
  async retire(): Promise<void> {
    await this.#endBy((application) => application.retire(this));
  }

  async #endBy(end: (application: Application) => Promise<void>): Promise<void> {
    const watched = this.#end();
    await Promise.all([...this.#applications.keys()].map(end));
    await watched;
    await this.#record.end();
  }

  /** Ends its processes now, those that are already asked to stop included. */
  kill(): void {
    this.#end().catch(this.#failed);
    for (const application of this.#applications.keys()) application.kill(this);
  }

  serving(): Application | undefined {
    return this.#state.kind === "serving" ? this.#state.application : undefined;
  }

  prepare(): Application {
    if (this.#config === undefined)
      throw new InplaceError("WEB_CONFIG_INVALID", "web.config cannot be used.");
    return this.#make(this.#config);
  }

  async switchTo(application: Application): Promise<void> {
    const before = this.serving();
    this.#serveBy(application);
    if (before === undefined) return;
    await before.retire(this);
    this.#applications.delete(before);
  }

  replaceBy(application: Application): void {
    const before = this.#state;
    this.#serveBy(application);
    this.#stop(before);
  }

  async discard(application: Application): Promise<void> {
    await application.stop(this);
    this.#applications.delete(application);
  }

  runs(artifact: string | undefined): void {
    this.#releases.runs(artifact);
  }

  #end(): Promise<void> {
    this.#stopping = true;
    this.#state = STOPPED;
    this.#watch.close();
    this.#record.leave();
    this.#changeover.cancel();
    return this.#releases.close();
  }

  readonly #failed = (error: unknown): void =>
    this.#options.events({ type: "site-failed", problem: asInplaceError(error).message });

  async #take(path: string): Promise<void> {
    const { layout, events } = this.#options;
    events({ type: "site-file-changed", path: spellingsOf(path)[0] ?? path });
    if (path === layout.appOffline) {
      if (this.#config !== undefined) await this.#refresh(this.#config);
    } else if (
      path === layout.webConfig &&
      this.#state.kind === "serving" &&
      this.#state.config.keepsProcesses
    ) {
      events({ type: "config-change-ignored" });
    } else {
      await this.#reload();
    }
  }

  /**
   * Takes web.config as it is now; the processes that run by the old one drain. One that cannot be used takes nothing down: the site
   * goes on by the one before. (IIS stops the application and answers 500.19: its own configuration cannot be read either.)
   */
  async #reload(): Promise<void> {
    const { layout, events, strict } = this.#options;
    try {
      await this.#use(await settled(() => readWebConfig(layout.webConfig)));
    } catch (error) {
      const problem = asInplaceError(error).message;
      if (this.#config !== undefined && !strict) return events({ type: "config-refused", problem });
      events({ type: "site-broken", problem });
      const reason = "web.config cannot be used.";
      this.#config = undefined;
      this.#replace({ kind: "broken", answer: { status: 500, substatus: 19, reason, detail: problem } });
    }
  }

  async #use(config: PlatformConfig): Promise<void> {
    const { root } = this.layout;
    const { events, strict, env } = this.#options;
    for (const remark of remarksOn(config, root, env)) events(remark);
    this.#config = config;
    if (this.#state.kind === "serving" && !strict)
      this.#changeover.want({ artifact: undefined, again: true });
    else this.#replace(await this.#stateFor(config));
    const watched = config.recycleOnFileChange.map((path) => localPath(expandVariables(path, env), root));
    await this.#watch.also(watched.filter(({ notHere }) => notHere === undefined).map(({ path }) => path));
  }

  /** Goes offline or comes back, as app_offline.htm says. */
  async #refresh(config: PlatformConfig): Promise<void> {
    const next = await this.#stateFor(config);
    if (this.#state.kind === "serving" && next.kind === "serving") {
      this.#applications.delete(next.application);
      return;
    }
    this.#replace(next);
  }

  async #stateFor(config: PlatformConfig): Promise<SiteState> {
    const answer = await readAppOffline(this.#options.layout.appOffline);
    if (answer !== undefined) return { kind: "offline", answer };
    return { kind: "serving", application: this.#make(config), config };
  }

  #make(config: PlatformConfig): Application {
    const { layout, hold, strict, env, onOutput, basePath } = this.#options;
    const events = (event: PlatformEvent): void => {
      this.#options.events(event);
      if (event.type === "backend-ready") this.#record.add({ pid: event.pid, artifact: event.artifact });
      if (event.type === "backend-exited") this.#record.remove(event.pid);
      if (event.type === "artifact-live") this.#record.update({ pid: event.pid, artifact: event.artifact });
      // A launcher may have fallen back to another artifact than the pointer names.
      if (event.type === "backend-ready" && event.artifact !== undefined && this.serving() === application) {
        this.runs(event.artifact);
      }
    };
    const launch = launchOf(config, layout, { strict, env, events, onOutput, basePath });
    const application: Application = new Application(launch, hold, events);
    this.#applications.set(application, config);
    return application;
  }

  #serveBy(application: Application): void {
    const config = this.#applications.get(application);
    if (config !== undefined && !this.#stopping) this.#state = { kind: "serving", application, config };
  }

  #replace(next: SiteState): void {
    if (this.#stopping) return;
    const before = this.#state;
    this.#state = next;
    this.#changeover.cancel();
    this.#stop(before);
  }

  #stop(before: SiteState): void {
    if (before.kind !== "serving") return;
    // What its processes no longer take comes back here and goes to whatever serves then.
    const { application } = before;
    application
      .stop(this)
      .finally(() => this.#applications.delete(application))
      .catch(this.#failed);
  }
}
