/** One exchange at a time per visitor, every PAUSE_MS, reported as a line; after SIGTERM no further one. */
export interface Visitor {
  /** The text that the server answered. Rejects when there will be no answer; `cause` names the kind of failure. */
  exchange(): Promise<string>;
}

const PAUSE_MS = 100;
const TIMEOUT_MS = 10_000;
let stopped = false;
process.on("SIGTERM", () => (stopped = true));

export async function visit(visitors: readonly Visitor[]): Promise<void> {
  await Promise.all(visitors.map(visitOften));
  process.exit(0);
}

async function visitOften(visitor: Visitor): Promise<void> {
  while (!stopped) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const sentAt = Date.now();
    const found = await inTime(visitor.exchange()).catch((error: unknown) => error);
    const outcome =
      typeof found === "string"
        ? { version: /hello (v\d+)/.exec(found)?.[1] }
        : {
            failure: found instanceof Error && found.message === "timeout" ? "timeout" : "reset",
            detail: String(found),
          };
    const failure =
      typeof found === "string" && outcome.version === undefined
        ? { failure: "unexpected", detail: found }
        : {};
    process.stdout.write(
      `${JSON.stringify({ dueAt: sentAt, sentAt, doneAt: Date.now(), ...outcome, ...failure })}\n`,
    );
  }
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expired = setTimeout(() => reject(new Error("timeout")), TIMEOUT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(expired));
  });
}
