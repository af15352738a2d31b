import type { CliEvent } from "../events.ts";
import { error, info, warn, type Words } from "./line.ts";

export const CLI_WORDS: Words<CliEvent> = {
  "command-failed": ({ code, message, hint, stack }) =>
    error(`error ${code}: ${message}\n${stack === undefined ? "" : `${stack}\n`}  ${hint}`),
  "still-at-work": ({ elapsedMs }) => info(`still at work after ${Math.round(elapsedMs / 1000)} s`),
  "supervisor-unasked": ({ code, message }) => warn(`${code}: ${message} Its word is left out.`),
};
