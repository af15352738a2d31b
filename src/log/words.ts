import type { InplaceEvent } from "../events.ts";
import { CLI_WORDS } from "./cli-words.ts";
import { DEPLOY_WORDS } from "./deploy-words.ts";
import { FRONT_WORDS } from "./front-words.ts";
import type { Line, Words } from "./line.ts";
import { PLATFORM_WORDS } from "./platform-words.ts";
import { printableEvent } from "./printable-event.ts";
import { SITE_WORDS } from "./site-words.ts";
import { SUPERVISOR_WORDS } from "./supervisor-words.ts";
import { WATCH_WORDS } from "./watch-words.ts";

// Each part has a file of words; a part that adds events adds its file here.
const WORDS: Words<InplaceEvent> = {
  ...CLI_WORDS,
  ...DEPLOY_WORDS,
  ...FRONT_WORDS,
  ...SITE_WORDS,
  ...SUPERVISOR_WORDS,
  ...WATCH_WORDS,
  ...PLATFORM_WORDS,
};

/** One event as one line for people, on whose terminal no text of others does anything. */
export function wordsFor(told: InplaceEvent): Line {
  const event = printableEvent(told);
  const word = WORDS[event.type] as (event: InplaceEvent) => Line;
  return word(event);
}
