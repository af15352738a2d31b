import type { Exchange, Router } from "../exchange.ts";
import type { SiteEntry } from "./site-list.ts";

const NO_SITE = { status: 404, substatus: 0, reason: "No site is served under this name." } as const;

/** Sends each exchange to its site: the host first, then the longest path. */
export class SiteMap implements Router {
  readonly #byHost = new Map<string | undefined, { readonly entry: SiteEntry; readonly router: Router }[]>();

  constructor(sites: readonly (readonly [SiteEntry, Router])[]) {
    for (const [entry, router] of sites) {
      const list = this.#byHost.get(entry.host) ?? [];
      list.push({ entry, router });
      list.sort((a, b) => b.entry.path.length - a.entry.path.length);
      this.#byHost.set(entry.host, list);
    }
  }

  route(exchange: Exchange): void {
    const { host, target } = exchange.head;
    const name = host.replace(/:\d*$/, "").toLowerCase();
    const candidates = this.#byHost.get(name) ?? this.#byHost.get(undefined) ?? [];
    const site = candidates.find(({ entry }) => isBelow(target, entry.path));
    if (site === undefined) {
      exchange.fail(NO_SITE);
      return;
    }
    exchange.site = site.entry.name;
    site.router.route(exchange);
  }
}

function isBelow(target: string, path: string): boolean {
  if (path === "/") return true;
  if (target.slice(0, path.length).toLowerCase() !== path.toLowerCase()) return false;
  const next = target[path.length];
  return next === undefined || next === "/" || next === "?";
}
