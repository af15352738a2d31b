import { printableJson, printableLines } from "../printable.ts";

export const SCHEMA_VERSION = 1;

/** The one document of --json. */
export function printDocument(document: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${printableJson({ schemaVersion: SCHEMA_VERSION, ...document })}\n`);
}

export function printText(text: string): void {
  const shown = printableLines(text);
  process.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
}
