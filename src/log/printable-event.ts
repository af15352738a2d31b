import type { InplaceEvent } from "../events.ts";
import { printable, printableLines } from "../printable.ts";

/** What may have several lines: messages with an output below them, hints, stacks. */
const WITH_LINES: ReadonlySet<string> = new Set(["message", "hint", "stack", "problem", "reason"]);

/** The event with every text in it fit for a line of the log. What a worker writes is the app's own, and goes out as it is. */
export function printableEvent(event: InplaceEvent): InplaceEvent {
  return event.type === "worker-output" ? event : (withPrintable(event, "") as InplaceEvent);
}

function withPrintable(value: unknown, name: string): unknown {
  if (typeof value === "string") return WITH_LINES.has(name) ? printableLines(value) : printable(value);
  if (Array.isArray(value)) return value.map((each) => withPrintable(each, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withPrintable(each, key)]));
}
