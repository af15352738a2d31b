/** Kudu kills a script that is silent for 60 s (SCM_COMMAND_IDLE_TIMEOUT). */
export const HEARTBEAT_MS = 15_000;

/** Calls `beat` with the milliseconds since the start whenever a whole interval has passed without a `heard`. */
export function startHeartbeat(beat: (elapsedMs: number) => void, intervalMs = HEARTBEAT_MS) {
  const startedAt = Date.now();
  const next = (): NodeJS.Timeout => setInterval(() => beat(Date.now() - startedAt), intervalMs);
  let timer = next();
  return {
    heard: (): void => {
      clearInterval(timer);
      timer = next();
    },
    stop: (): void => clearInterval(timer),
  };
}
