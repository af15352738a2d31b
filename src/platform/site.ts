import { resolve } from "node:path";
import { InplaceError } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import type { ChildOptions } from "../process/child.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readAppOffline } from "./app-offline.ts";
import { Application } from "./application.ts";
import type { Exchange, Router } from "./exchange.ts";
import type { Failure } from "./failure.ts";
import { FileWatch } from "./file-watch.ts";
import type { HoldLimits } from "./hold-queue.ts";
import { launchOf, siteRelative } from "./launch.ts";
import { isMapped } from "./web-config/mappings.ts";
import { readWebConfig, type PlatformConfig } from "./web-config/read.ts";

export interface SiteOptions {
  readonly layout: SiteLayout;
  /** The path under which the application lies: "/" or "/app". */
  readonly basePath: string;
  /** See LaunchOptions. */
  readonly strict: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly hold: HoldLimits;
  readonly events: EventSink<PlatformEvent>;
  readonly onOutput: ChildOptions["onOutput"];
}

/** What answers for the site at the moment. */
type State =
  | { readonly kind: "serving"; readonly application: Application; readonly config: PlatformConfig }
  /** app_offline.htm is there. */
  | { readonly kind: "offline"; readonly answer: Failure }
  /** web.config has become unreadable. */
  | { readonly kind: "broken"; readonly answer: Failure }
  | { readonly kind: "stopped"; readonly answer: Failure };

const STOPPED: State = {
  kind: "stopped",
  answer: { status: 503, substatus: 0, reason: "The handler is stopping.", retryAfter: 1 },
};

/**
 * One site: its web.config, its application, and the files that change both.
 * serving ⇄ offline (app_offline.htm), serving ⇄ broken (web.config); each → stopped.
 */
export class Site implements Router {
  readonly #options: SiteOptions;
  readonly #ending = new Set<Promise<void>>();
  #state: State = STOPPED;
  /** undefined while web.config cannot be used. */
  #config: PlatformConfig | undefined;
  #watch: FileWatch | undefined;
  #stopping = false;

  private constructor(options: SiteOptions) {
    this.#options = options;
  }

  /** Throws WEB_CONFIG_MISSING or WEB_CONFIG_INVALID. */
  static async open(options: SiteOptions): Promise<Site> {
    const site = new Site(options);
    const config = await readWebConfig(options.layout.webConfig);
    site.#config = config;
    await site.#refresh(config);
    await site.#watchFiles(config.recycleOnFileChange);
    return site;
  }

  /** For one site of several: what is wrong with it is what it answers, and the others do not notice. */
  static async openAnyway(options: SiteOptions): Promise<Site> {
    const site = new Site(options);
    await site.#reload();
    return site;
  }

  route(exchange: Exchange): void {
    const state = this.#state;
    if (state.kind !== "serving") {
      exchange.fail(state.answer);
    } else if (isMapped(state.config.mappings, exchange.head.method, pathOf(exchange.head.target))) {
      state.application.route(exchange);
    } else {
      exchange.fail({ status: 404, substatus: 4, reason: "web.config gives this address to no handler." });
    }
  }

  /** Stops its processes gracefully. */
  async stop(): Promise<void> {
    this.#replace(STOPPED);
    this.#stopping = true;
    this.#watch?.close();
    await Promise.all(this.#ending);
  }

  kill(): void {
    this.#watch?.close();
    if (this.#state.kind === "serving") this.#state.application.kill();
  }

  async #watchFiles(recycleOnFileChange: readonly string[]): Promise<void> {
    const { layout } = this.#options;
    const recycle = recycleOnFileChange.map((path) => resolve(layout.root, siteRelative(path, layout.root)));
    const watch = await FileWatch.start([layout.appOffline, layout.webConfig, ...recycle], (path) =>
      this.#changed(path),
    );
    this.#watch = watch;
    if (this.#stopping) watch.close();
    // Between the first look at app_offline.htm and the start of the watch it may have come or gone.
    if (this.#config !== undefined) await this.#refresh(this.#config);
  }

  async #changed(path: string): Promise<void> {
    const { layout, events } = this.#options;
    events({ type: "site-file-changed", path });
    if (path === layout.appOffline) {
      if (this.#config !== undefined) await this.#refresh(this.#config);
    } else {
      this.#watch?.close();
      await this.#reload();
    }
  }

  /** Takes web.config as it is now; the processes that run by the old one drain. */
  async #reload(): Promise<void> {
    const { layout, events } = this.#options;
    try {
      this.#config = await readWebConfig(layout.webConfig);
      this.#replace(await this.#stateFor(this.#config));
    } catch (error) {
      const problem = error instanceof InplaceError ? error.message : String(error);
      events({ type: "site-broken", problem });
      const reason = "web.config cannot be used.";
      this.#config = undefined;
      this.#replace({ kind: "broken", answer: { status: 500, substatus: 19, reason, detail: problem } });
    }
    if (!this.#stopping) await this.#watchFiles(this.#config?.recycleOnFileChange ?? []);
  }

  /** Goes offline or comes back, as app_offline.htm says. */
  async #refresh(config: PlatformConfig): Promise<void> {
    const next = await this.#stateFor(config);
    if (this.#state.kind === "serving" && next.kind === "serving") return;
    this.#replace(next);
  }

  async #stateFor(config: PlatformConfig): Promise<State> {
    const answer = await readAppOffline(this.#options.layout.appOffline);
    if (answer !== undefined) return { kind: "offline", answer };
    const { layout, hold, events, strict, env, onOutput, basePath } = this.#options;
    const launch = launchOf(config, layout, { strict, env, events, onOutput, basePath });
    return { kind: "serving", application: new Application(launch, hold, events), config };
  }

  #replace(next: State): void {
    if (this.#stopping) return;
    const before = this.#state;
    this.#state = next;
    if (before.kind !== "serving") return;
    // What its processes no longer take comes back here and goes to whatever serves then.
    const ending = before.application.stop(this).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function pathOf(target: string): string {
  const path = target.split("?", 1)[0] ?? "";
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
