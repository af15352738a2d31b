import { EXIT } from "../errors.ts";

export interface LastResort {
  /** Tells what nobody caught. */
  readonly report: (error: unknown) => void;
  /** Answers what is in flight and hands over. true: another process serves by then, and this one goes on as it is. */
  readonly handOver: () => Promise<boolean>;
  /** For handing over; then the process ends. Milliseconds. */
  readonly limitMs: number;
}

/**
 * What no boundary caught is told, and the process hands over before it ends with 1, so that whoever started it starts the
 * next. A second one meanwhile ends it at once. Gives what takes it back.
 */
export function onDefect({ report, handOver, limitMs }: LastResort): () => void {
  let handing = false;
  const end = (): never => process.exit(EXIT.failed);
  const handle = (error: unknown): void => {
    try {
      report(error);
    } catch {
      end();
    }
    if (handing) end();
    handing = true;
    const late = setTimeout(end, limitMs);
    Promise.resolve()
      .then(handOver)
      .then((goesOn) => {
        clearTimeout(late);
        if (!goesOn) end();
        handing = false;
      }, handle);
  };
  process.on("uncaughtException", handle).on("unhandledRejection", handle);
  return () => void process.off("uncaughtException", handle).off("unhandledRejection", handle);
}
