import { Writable } from "node:stream";
import { createLogger, transports } from "winston";
import type { EventSink, InplaceEvent } from "../events.ts";
import type { Line } from "./line.ts";
import { wordsFor } from "./words.ts";
import { writeLine, writeOutput } from "./write-line.ts";

export interface LogOptions {
  /** stdout belongs to one JSON document: what would go there is left out. Default: false. */
  readonly json?: boolean;
  /** Default: INPLACE_VERBOSE=1. */
  readonly verbose?: boolean;
  /** See writeLine. Default: false. */
  readonly timed?: boolean;
}

const LEVELS: Readonly<Record<Line["level"], number>> = { error: 0, warn: 1, info: 2, detail: 3 };

/** Events in, lines out: info on stdout, problems on stderr. What an app writes goes out as it is. */
export function createLog(options: LogOptions = {}): EventSink<InplaceEvent> {
  const { json = false, timed = false } = options;
  const verbose = options.verbose ?? process.env["INPLACE_VERBOSE"] === "1";
  const logger = createLogger({
    levels: { ...LEVELS },
    level: json ? "warn" : verbose ? "detail" : "info",
    transports: [new transports.Stream({ stream: lines(timed) })],
  });
  return (event) => {
    if (event.type === "worker-output") {
      // stdout is for the one document.
      writeOutput(event.text, json ? "stderr" : event.stream);
      return;
    }
    const { level, text } = wordsFor(event);
    logger.log(level, text);
  };
}

/** winston hands over what is logged as it is: its own transports know nothing of a reader that stands still. */
function lines(timed: boolean): Writable {
  return new Writable({
    objectMode: true,
    write: ({ level, message }: { readonly level: Line["level"]; readonly message: string }, _, next) => {
      writeLine({ level, text: message }, timed);
      next();
    },
  });
}
