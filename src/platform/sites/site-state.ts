import type { Application } from "../application.ts";
import type { Exchange } from "../exchange.ts";
import { contentTooLong, type Failure } from "../failure.ts";
import { isMapped, pathOf } from "../web-config/mappings.ts";
import type { PlatformConfig } from "../web-config/read.ts";

/** What answers for a site at the moment. */
export type SiteState =
  | { readonly kind: "serving"; readonly application: Application; readonly config: PlatformConfig }
  /** app_offline.htm is there. */
  | { readonly kind: "offline"; readonly answer: Failure }
  /** web.config cannot be used, and by none before it anything runs. */
  | { readonly kind: "broken"; readonly answer: Failure }
  | { readonly kind: "stopped"; readonly answer: Failure };

export const STOPPED: SiteState = {
  kind: "stopped",
  answer: { status: 503, substatus: 0, reason: "The handler is stopping.", retryAfter: 1 },
};

/** What a request is answered with where no application gets it; undefined: the one that serves does. */
export function refusalOf(
  state: SiteState,
  config: PlatformConfig | undefined,
  { method, target, framing }: Exchange["head"],
): Failure | undefined {
  const { maxContentLength = Number.POSITIVE_INFINITY } = config ?? {};
  if (framing.kind === "length" && framing.bytes > maxContentLength) return contentTooLong(maxContentLength);
  if (state.kind !== "serving") return state.answer;
  if (isMapped(state.config.mappings, method, pathOf(target))) return undefined;
  return { status: 404, substatus: 4, reason: "web.config gives this address to no handler." };
}
