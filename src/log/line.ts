import type { InplaceEvent } from "../events.ts";

/** error and warn go to stderr; detail only shows where somebody asked for it (INPLACE_VERBOSE=1). */
export interface Line {
  readonly level: "error" | "warn" | "info" | "detail";
  readonly text: string;
}

/** How each event of one part is worded; the compiler sees to it that none is missing. */
export type Words<E extends InplaceEvent> = {
  readonly [T in E["type"]]: (event: Extract<E, { readonly type: T }>) => Line;
};

export const info = (text: string): Line => ({ level: "info", text });
export const warn = (text: string): Line => ({ level: "warn", text });
export const error = (text: string): Line => ({ level: "error", text });
export const detail = (text: string): Line => ({ level: "detail", text });
