import pc from "picocolors";
import { standardError, standardOutput, type StandardStream } from "../standard-streams.ts";
import type { Line } from "./line.ts";

/**
 * Writes one line of ours: problems to stderr, the rest to stdout. timed: with the time (ISO 8601, UTC) at the head of each
 * line, where neither a terminal shows it nor systemd's journal has a time of its own.
 */
export function writeLine({ level, text }: Line, timed: boolean): void {
  const stream = level === "error" || level === "warn" ? standardError : standardOutput;
  const time = timed && !stream.isTerminal && !stream.isJournal ? `${new Date().toISOString()} ` : "";
  const lines = time === "" ? text : `${time}${text.replaceAll("\n", `\n${time}`)}`;
  stream.write(`${coloured(level, lines, stream)}\n`);
}

/** What the app of a site wrote, as it is. */
export function writeOutput(chunk: string | Uint8Array, stream: "stdout" | "stderr"): void {
  (stream === "stdout" ? standardOutput : standardError).write(chunk);
}

function coloured(level: Line["level"], text: string, stream: StandardStream): string {
  if (level !== "error" && level !== "warn") return text;
  const colors = pc.createColors(hasColours(stream));
  return level === "error" ? colors.red(text) : colors.yellow(text);
}

/** NO_COLOR (no-color.org) before FORCE_COLOR (as Node reads it) before what the stream is. */
function hasColours(stream: StandardStream): boolean {
  const { NO_COLOR: none, FORCE_COLOR: forced } = process.env;
  if (none) return false;
  if (forced !== undefined) return /^(?:|1|2|3|true)$/.test(forced);
  return stream.isTerminal && pc.isColorSupported;
}
