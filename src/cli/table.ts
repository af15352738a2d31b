import { printable } from "../printable.ts";

/** Rows as columns of equal width, two blanks apart. Of a cell the first line is shown, whoever wrote it. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(firstLine));
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function firstLine(cell: string): string {
  const [line = "", ...more] = cell.trim().split(/\r?\n/);
  return printable(more.length === 0 ? cell : `${line} …`);
}
