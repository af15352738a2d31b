import type { SiteEvent } from "../events.ts";
import { info, warn, type Words } from "./line.ts";

export const SITE_WORDS: Words<SiteEvent> = {
  "pointer-moved": ({ artifact, previous }) =>
    info(previous === undefined ? `current: ${artifact}` : `current: ${artifact} (was ${previous})`),
  "artifact-failed": ({ artifact, reason }) => warn(`${artifact} failed: ${reason}`),
};
