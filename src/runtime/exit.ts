import { EXIT_TEMPORARY } from "../process/worker-messages.ts";
import { say } from "./words.ts";

export const EXIT_DRAINED = 0;
/** Connections had to be cut at the deadline, or the app would not end. */
export const EXIT_CUT = 7;

/** The artifact is not what was published: as an invalid artifact ends the command. */
export const EXIT_REFUSED = 4;

/** Of Node, after an error that nobody caught. */
const EXIT_UNCAUGHT = 1;

/** What may be left in the buffers of a pipe on Windows is waited for this long, milliseconds. */
const FLUSH_MS = 1_000;
/** From the last deadline of a drain to the end of the process, whatever keeps it alive, milliseconds. */
export const EXIT_GUARD_MS = 2_000;

/** Node fires at once what is to fire later than this. */
const LONGEST_TIMER_MS = 2_147_483_647;

// Taken before the app can replace it.
const exit = process.exit.bind(process);

export function exitNow(code: number): never {
  return exit(code);
}

/** Ends the process when its output is written. */
export async function exitFlushed(code: number): Promise<void> {
  await within(FLUSH_MS, Promise.all([flushed(process.stdout), flushed(process.stderr)]));
  exit(code);
}

/**
 * Where the app ends since another program has the port that it was given, the exit code says that it is not the release's
 * fault. A port that it chose itself, or has itself, is.
 */
export function tellTakenPort(givenPort: number, hasListened: () => boolean): void {
  process.on("uncaughtExceptionMonitor", (error) => {
    const { code, syscall, port } = error as NodeJS.ErrnoException & { readonly port?: number };
    if (code !== "EADDRINUSE" || syscall !== "listen" || port !== givenPort || hasListened()) return;
    process.once("exit", (exitCode) => {
      if (exitCode === EXIT_UNCAUGHT) process.exitCode = EXIT_TEMPORARY;
    });
  });
}

/**
 * Sees to it that the process ends, independently of how the drain goes; also keeps it alive until then, or until the result
 * is called.
 */
export function armExitGuard(afterMs: number): () => void {
  if (afterMs > LONGEST_TIMER_MS) return () => undefined;
  const guard = setTimeout(() => {
    say(`still alive ${Math.round(afterMs)} ms after it was asked to stop: ended by the exit guard`);
    exit(EXIT_CUT);
  }, afterMs);
  return () => guard.unref();
}

/**
 * Resolves when the promise settles either way, at the latest after so many milliseconds. keepAlive: the process lives until
 * then, whether anything else keeps it or not.
 */
export async function within(
  ms: number,
  promise: Promise<unknown>,
  { keepAlive = true }: { readonly keepAlive?: boolean } = {},
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
    if (!keepAlive) timer.unref();
  });
  await Promise.race([promise.catch(() => undefined), late]);
  clearTimeout(timer);
}

async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return;
  await new Promise<void>((done) => stream.write("", () => done()));
}
