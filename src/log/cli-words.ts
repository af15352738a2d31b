import type { CliEvent } from "../events.ts";
import { error, warn, type Words } from "./line.ts";

export const CLI_WORDS: Words<CliEvent> = {
  "command-failed": ({ code, message, hint, stack }) =>
    error(`error ${code}: ${message}\n${stack === undefined ? "" : `${stack}\n`}  ${hint}`),
  "supervisor-unasked": ({ code, message }) => warn(`${code}: ${message} Its word is left out.`),
};
