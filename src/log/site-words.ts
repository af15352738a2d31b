import type { SiteEvent } from "../events.ts";
import { info, warn, type Words } from "./line.ts";

export const SITE_WORDS: Words<SiteEvent> = {
  "pointer-moved": ({ artifact, previous }) =>
    info(previous === undefined ? `current: ${artifact}` : `current: ${artifact} (was ${previous})`),
  "left-undone": ({ what, message }) => warn(`the release is current, but ${what}: ${message}`),
  "artifact-failed": ({ artifact, reason }) => warn(`${artifact} failed: ${reason}`),
};
