import { standardOutput } from "../standard-streams.ts";
import { printableJson, printableLines } from "../printable.ts";

export const SCHEMA_VERSION = 1;

/** The one document of --json. */
export function printDocument(document: Readonly<Record<string, unknown>>): void {
  standardOutput.writeResult(`${printableJson({ schemaVersion: SCHEMA_VERSION, ...document })}\n`);
}

export function printText(text: string): void {
  const shown = printableLines(text);
  standardOutput.writeResult(shown.endsWith("\n") ? shown : `${shown}\n`);
}
