import type { BuildConfig } from "../../config/config.ts";

/** A build that fits what is in a folder, and what it was inferred from: one line each. */
export interface Proposal {
  readonly build: BuildConfig;
  readonly reasons: readonly string[];
  /** A bundle that would do as well, if it answers when it is tried: nothing speaks against it, and nothing proves it. */
  readonly bundle?: { readonly build: BuildConfig; readonly reason: string };
}

/** The first of the paths that is in the folder. */
export type Has = (...paths: readonly string[]) => string | undefined;
