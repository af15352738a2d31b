import { Agent, request } from "node:http";

export interface FetchOptions {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const agent = new Agent({ keepAlive: true });

/** fetch as far as these tests need it, by node:http: the one built in cannot connect on Wine. Reads the whole body; never retries. */
export function fetch(url: string, { body, ...options }: FetchOptions = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const headers = { ...options.headers, ...length };
    const asked = request(url, { agent, ...options, headers }, (response) => {
      const fields = new Headers();
      for (const [name, value] of Object.entries(response.headersDistinct)) {
        for (const one of value ?? []) fields.append(name, one);
      }
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("error", reject).once("end", () => {
        resolve(new Response(Buffer.concat(parts), { status: response.statusCode ?? 0, headers: fields }));
      });
    });
    asked.once("error", reject).end(body);
  });
}
