import { BodyScanner } from "#src/platform/http1/body.js";
import { CHUNKED, type Framing } from "#src/platform/http1/syntax.js";
import { Finding, type Part } from "../part.ts";
import { Random } from "../random.ts";
import { fieldsOf, sameFields } from "./fields.ts";
import { NodeParser } from "./node-parser.ts";
import { mayRefuse } from "./refusals.ts";
import { shortened } from "./shortened.ts";
import { shown } from "../shown.ts";

const PIECES = [
  "\r\n",
  "\n",
  "\r",
  "0\r\n",
  "\r\n\r\n",
  "0",
  "5",
  "F",
  "g",
  " ",
  "\t",
  ";",
  ";a=b",
  ';"\n"',
  "-",
  "0x",
  "\0",
  "\xa0",
  "ffffffff",
  "10000000000000000",
  "X: y\r\n",
  "X : y\r\n",
  " y\r\n",
  "Content-Length: 4\r\n",
] as const;
const HEAD = "POST / HTTP/1.1\r\nHost: a\r\n";

const parser = new NodeParser("request");

/** A body ends where Node sees its end, has the same content, and is the same however it was cut into pieces. */
export const BODIES: Part = {
  name: "bodies",
  unit: "bodies",
  run: (run) =>
    run.eachAtOnce((seed) => {
      const random = new Random(seed);
      const chunked = !random.onceIn(6);
      const text = chunked ? chunkedText(random) : random.noise(random.below(30));
      const framing: Framing = chunked ? CHUNKED : { kind: "length", bytes: 1 + random.below(25) };
      const cuts = random.uint32();
      const wrong = check(text, framing, cuts, (outcome) => run.count(outcome));
      if (wrong === undefined) return;
      const less = shortened(text, (other) => check(other, framing, cuts) !== undefined);
      throw new Finding(seed, `${wrong}\n${framing.kind} ${shown(less)}`);
    }),
};

interface Scanned {
  /** Bytes up to its end; -1: malformed. */
  readonly end: number;
  readonly done: boolean;
  readonly content: string;
  readonly trailers: string;
  /** What goes on. */
  readonly passed: Buffer;
}

const MALFORMED: Scanned = { end: -1, done: false, content: "", trailers: "", passed: Buffer.alloc(0) };

function check(
  text: string,
  framing: Framing,
  cuts: number,
  count: (outcome: string) => void = () => undefined,
): string | undefined {
  const bytes = Buffer.from(text, "latin1");
  const whole = scanned([bytes], framing);
  const cut = scanned(new Random(cuts).cut(bytes), framing);
  if (whole.end !== cut.end || whole.done !== cut.done || !whole.passed.equals(cut.passed))
    return `whole it is ${toText(whole)}, in pieces ${toText(cut)}`;
  if (whole.end === -1) {
    count("malformed");
    return undefined;
  }
  count(whole.done ? "complete" : "incomplete");
  const field = framing.kind === "length" ? `Content-Length: ${framing.bytes}` : "Transfer-Encoding: chunked";
  parser.begin();
  parser.feed(Buffer.from(`${HEAD}${field}\r\n\r\n`));
  const refusal = parser.feed(whole.passed);
  const [theirs, another] = parser.messages;
  if (another !== undefined) return "Node sees another message";
  // As long as it is not complete, Node may see sooner that it is malformed.
  if (refusal !== undefined)
    return whole.done && !mayRefuse(refusal, text) ? `Node refuses it: ${refusal}` : undefined;
  if (theirs?.complete !== whole.done)
    return `Node thinks it ${theirs?.complete ? "complete" : "incomplete"}`;
  if (theirs.body !== whole.content) return `Node sees ${shown(theirs.body)}`;
  if (whole.done && !sameFields(fieldsOf(whole.trailers), theirs.trailers))
    return `Node sees the trailers ${shown(theirs.trailers.join(" | "))}`;
  return undefined;
}

function scanned(pieces: readonly Buffer[], framing: Framing): Scanned {
  const content: Buffer[] = [];
  const passed: Buffer[] = [];
  let trailers = "";
  const scanner = new BodyScanner(framing, {
    part: (bytes) => void content.push(bytes),
    trailers: (fields) => (trailers = fields),
  });
  let end = 0;
  for (const piece of pieces) {
    if (scanner.done) break;
    const at = scanner.scan(piece, 0);
    if (at === -1) return MALFORMED;
    passed.push(scanner.passed(piece, at));
    end += at;
  }
  const body = Buffer.concat(content).toString("latin1");
  return { end, done: scanner.done, content: body, trailers, passed: Buffer.concat(passed) };
}

function toText({ end, done, passed }: Scanned): string {
  return `${done ? "done" : "not done"} at ${end}, passed on as ${shown(passed.toString("latin1"))}`;
}

function chunkedText(random: Random): string {
  const chunks = random.list(random.below(5), () => {
    const data = random.noise(1 + random.below(20));
    const extension = random.onceIn(4) ? random.pick([";a", ";a=b", ';a="b;c"', " ", "\t;x"]) : "";
    const size = data.length.toString(16);
    return `${random.onceIn(4) ? `00${size.toUpperCase()}` : size}${extension}\r\n${data}\r\n`;
  });
  const trailers = random.onceIn(3) ? "X-Sum: 1\r\nY:\r\n" : "";
  const text = `${chunks.join("")}0\r\n${trailers}\r\n`;
  const changed = random.mutated(text, random.onceIn(3) ? 0 : 1 + random.below(3), PIECES);
  return random.onceIn(3) ? `${changed}GET /next HTTP/1.1\r\nHost: a\r\n\r\n` : changed;
}
