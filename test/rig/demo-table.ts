import type { Sample } from "./load.ts";
import { report } from "./load-report.ts";

export interface Step {
  readonly name: string;
  /** The artifact that answers after it. */
  readonly live: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly returnedAt: number;
}

/** One line per step with what its requests met, and one for all; false when any failed. */
export function printTable(steps: readonly Step[], samples: readonly Sample[]): boolean {
  const rows = [
    { name: "before", from: 0, to: steps[0]?.startedAt ?? Infinity, live: "" },
    ...steps.map(({ name, startedAt, returnedAt, live }, index) => ({
      name,
      from: startedAt,
      to: steps[index + 1]?.startedAt ?? Infinity,
      // Where the old one goes on answering, nothing becomes live.
      live:
        steps[index - 1]?.live === live
          ? ""
          : `${Math.max(0, firstAnswer(samples, live, startedAt) - returnedAt)} ms`,
    })),
    { name: "all", from: 0, to: Infinity, live: "" },
  ].map(({ name, from, to, live }) => {
    const all = report(samples.filter(({ sentAt }) => sentAt >= from && sentAt < to))["all"];
    const numbers = [all?.requests, all?.failed, all?.p50, all?.p99, all?.max].map((each) =>
      String(each ?? 0),
    );
    return [name, ...numbers, live];
  });
  const head = ["", "requests", "failed", "p50 ms", "p99 ms", "max ms", "live after"];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  console.log();
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join("  "));
  }
  return samples.every(({ failure }) => failure === undefined);
}

function firstAnswer(samples: readonly Sample[], live: string, since: number): number {
  return samples.find(({ version, sentAt }) => version === live && sentAt >= since)?.doneAt ?? 0;
}
