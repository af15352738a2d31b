import { METHODS, createServer } from "node:http";
import { Duplex } from "node:stream";

/** One message as Node understands it. Text is Latin-1. */
export interface Understood {
  readonly method: string;
  readonly target: string;
  /** 0 for a request. */
  readonly status: number;
  /** Name, value, name, value. */
  readonly fields: readonly string[];
  readonly upgrade: boolean;
  body: string;
  trailers: readonly string[];
  complete: boolean;
}

// Node's own parser is no public name, but every connection of its server has one.
// https://github.com/nodejs/node/blob/v20.19.0/lib/_http_common.js
interface HttpParser {
  initialize(kind: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number | (Error & { readonly reason?: string; readonly code?: string });
  finish(): undefined | (Error & { readonly reason?: string; readonly code?: string });
  [callback: number]: (...args: never[]) => unknown;
}
interface HttpParserClass {
  new (): HttpParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const Parser = classOfParser();
const METHOD_NAMES = methodNames();
const NO_FIELDS: readonly string[] = [];

/** Node's parser of one connection, told what comes on it. */
export class NodeParser {
  messages: Understood[] = [];
  readonly #parser = new Parser();
  readonly #kind: number;
  readonly #maxHeadBytes: number;
  #skipsBody = false;
  /** Fields, and of requests the target too, that came before the head was complete: there are many. */
  #fields: string[] = [];
  #target = "";

  constructor(kind: "request" | "response", maxHeadBytes = 0) {
    this.#kind = kind === "request" ? Parser.REQUEST : Parser.RESPONSE;
    this.#maxHeadBytes = maxHeadBytes;
    const parser = this.#parser;
    parser[Parser.kOnHeaders] = (fields: string[], target: string) => this.#someFields(fields, target);
    parser[Parser.kOnHeadersComplete] = (
      _major: number,
      _minor: number,
      fields: string[] | undefined,
      method: number | undefined,
      target: string | undefined,
      status: number | undefined,
      _text: string | undefined,
      upgrade: boolean,
    ) => this.#head(fields, method, target, status, upgrade);
    parser[Parser.kOnBody] = (bytes: Buffer) => this.#body(bytes);
    parser[Parser.kOnMessageComplete] = () => this.#complete();
  }

  /** A new connection; `skipsBody`: the answers are to HEAD. */
  begin(skipsBody = false): void {
    this.messages = [];
    this.#fields = [];
    this.#target = "";
    this.#skipsBody = skipsBody;
    this.#parser.initialize(this.#kind, {}, this.#maxHeadBytes, 0);
  }

  /** Why it refuses the bytes; undefined: it does not. */
  feed(bytes: Buffer): string | undefined {
    const result = this.#parser.execute(bytes);
    return typeof result === "number" ? undefined : (result.reason ?? result.code ?? result.message);
  }

  /** The other side has closed. */
  end(): string | undefined {
    const result = this.#parser.finish();
    return result === undefined ? undefined : (result.reason ?? result.code ?? result.message);
  }

  #someFields(fields: readonly string[], target: string): void {
    const last = this.messages.at(-1);
    if (last !== undefined && !last.complete) {
      last.trailers = [...last.trailers, ...fields];
      return;
    }
    this.#fields.push(...fields);
    this.#target += target;
  }

  #head(
    fields: string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    upgrade: boolean,
  ): number {
    this.messages.push({
      method: METHOD_NAMES.get(method) ?? "",
      target: target ?? this.#target,
      status: status ?? 0,
      fields: fields ?? this.#fields,
      upgrade,
      body: "",
      trailers: NO_FIELDS,
      complete: false,
    });
    this.#fields = [];
    this.#target = "";
    return this.#skipsBody ? 1 : 0;
  }

  #body(bytes: Buffer): void {
    const last = this.messages.at(-1);
    if (last !== undefined) last.body += bytes.toString("latin1");
  }

  #complete(): void {
    const last = this.messages.at(-1);
    if (last !== undefined) last.complete = true;
  }
}

function classOfParser(): HttpParserClass {
  const connection = new Duplex({ read: () => undefined });
  createServer().emit("connection", connection);
  const { parser } = connection as { parser?: { readonly constructor: unknown } };
  connection.destroy();
  if (parser === undefined) throw new Error("This Node shows no parser at its connections.");
  return parser.constructor as HttpParserClass;
}

/** The parser gives numbers; what they mean, it has to be asked. */
function methodNames(): ReadonlyMap<number | undefined, string> {
  const names = new Map<number | undefined, string>();
  const parser = new Parser();
  for (const name of METHODS) {
    parser.initialize(Parser.REQUEST, {}, 0, 0);
    parser[Parser.kOnHeadersComplete] = (_major: number, _minor: number, _fields: unknown, method: number) =>
      names.set(method, name) && 2;
    parser.execute(Buffer.from(`${name} ${name === "CONNECT" ? "a:1" : "/"} HTTP/1.1\r\nHost: a\r\n\r\n`));
  }
  return names;
}
