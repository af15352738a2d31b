import { createLogger, format, transports } from "winston";
import pc from "picocolors";
import type { EventSink, InplaceEvent } from "../events.ts";
import type { Line } from "./line.ts";
import { wordsFor } from "./words.ts";

export interface LogOptions {
  /** stdout belongs to one JSON document: what would go there is left out. Default: false. */
  readonly json?: boolean;
  /** Default: INPLACE_VERBOSE=1. */
  readonly verbose?: boolean;
}

const LEVELS: Readonly<Record<Line["level"], number>> = { error: 0, warn: 1, info: 2, detail: 3 };

/** Events in, lines out: info on stdout, problems on stderr. */
export function createLog(options: LogOptions = {}): EventSink<InplaceEvent> {
  const verbose = options.verbose ?? process.env["INPLACE_VERBOSE"] === "1";
  const highest = options.json === true ? "warn" : verbose ? "detail" : "info";
  const logger = createLogger({
    levels: { ...LEVELS },
    level: highest,
    format: format.printf(({ level, message }) => coloured(level, String(message))),
    transports: [new transports.Console({ stderrLevels: ["error", "warn"] })],
  });
  return (event) => {
    const { level, text } = wordsFor(event);
    logger.log(level, text);
  };
}

function coloured(level: string, text: string): string {
  // isTTY is undefined where stderr is a file, and undefined would stand for picocolors' own guess.
  const colors = pc.createColors(Boolean(process.stderr.isTTY) && pc.isColorSupported);
  if (level === "error") return colors.red(text);
  if (level === "warn") return colors.yellow(text);
  return text;
}
