/** One HTTP/1.1 response as the load generator judges it; header names in lower case, body as latin1. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

type Framing = { readonly by: "length"; readonly bytes: number } | { readonly by: "chunks" | "close" };

/** Reads one response to a GET or POST from the bytes of a connection. Throws on what is not HTTP. */
export class ResponseReader {
  #unread = "";
  #head: { readonly status: number; readonly headers: ReadonlyMap<string, string> } | undefined;
  #framing: Framing = { by: "close" };
  #body = "";
  /** Whether any byte has arrived: without one, the server never began to answer. */
  started = false;

  /** The response once it is whole. */
  read(chunk: string): HttpResponse | undefined {
    this.started ||= chunk.length > 0;
    this.#unread += chunk;
    while (this.#head === undefined) {
      const end = this.#unread.indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      this.#takeHead(this.#unread.slice(0, end));
      this.#unread = this.#unread.slice(end + 4);
    }
    return this.#takeBody() ? { ...this.#head, body: this.#body } : undefined;
  }

  /** The response that the end of the connection completes, where the server gave no length. */
  end(): HttpResponse | undefined {
    if (this.#head === undefined || this.#framing.by !== "close") return undefined;
    return { ...this.#head, body: this.#body };
  }

  #takeHead(text: string): void {
    const [statusLine = "", ...lines] = text.split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
    if (status === undefined) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    if (status.startsWith("1")) return; // 100 Continue and the like precede the response.
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    this.#head = { status: Number(status), headers };
    const length = headers.get("content-length");
    if (headers.get("transfer-encoding") === "chunked") this.#framing = { by: "chunks" };
    else if (status === "204" || status === "304") this.#framing = { by: "length", bytes: 0 };
    else if (length !== undefined) this.#framing = { by: "length", bytes: Number(length) };
  }

  #takeBody(): boolean {
    switch (this.#framing.by) {
      case "length":
      case "close":
        this.#body += this.#unread;
        this.#unread = "";
        return this.#framing.by === "length" && this.#body.length >= this.#framing.bytes;
      case "chunks":
        return this.#takeChunks();
      default:
        return this.#framing satisfies never;
    }
  }

  #takeChunks(): boolean {
    for (;;) {
      const lineEnd = this.#unread.indexOf("\r\n");
      if (lineEnd < 0) return false;
      const size = Number.parseInt(this.#unread.slice(0, lineEnd), 16);
      if (Number.isNaN(size)) throw new Error(`not a chunk size: ${this.#unread.slice(0, lineEnd)}`);
      const next = lineEnd + 2 + size + 2;
      if (this.#unread.length < next) return false;
      this.#body += this.#unread.slice(lineEnd + 2, lineEnd + 2 + size);
      this.#unread = this.#unread.slice(next);
      if (size === 0) return true;
    }
  }
}
