import { writeOutput } from "./write-line.ts";

const NEWLINE = 0x0a;

/** What the apps of several sites write, with the name of its site before each line. */
export class SiteOutput {
  /** Whose last line on the stream has no end yet. */
  readonly #openBy = { stdout: "", stderr: "" };

  write(chunk: Uint8Array, stream: "stdout" | "stderr", site: string): void {
    const parts: Uint8Array[] = [];
    const openBy = this.#openBy[stream];
    if (openBy !== "" && openBy !== site) parts.push(Buffer.from("\n"));
    let inLine = openBy === site;
    for (let from = 0; from < chunk.length;) {
      const end = chunk.indexOf(NEWLINE, from) + 1 || chunk.length;
      if (!inLine) parts.push(Buffer.from(`${site}: `));
      parts.push(chunk.subarray(from, end));
      inLine = chunk[end - 1] !== NEWLINE;
      from = end;
    }
    this.#openBy[stream] = inLine ? site : "";
    writeOutput(Buffer.concat(parts), stream);
  }
}
