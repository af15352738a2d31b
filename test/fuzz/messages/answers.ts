import type { ResponseHead } from "#src/platform/http1/response-head.js";
import { ResponseReader, type ResponseSink } from "#src/platform/response-reader.js";
import { Finding, type Part } from "../part.ts";
import { Random } from "../random.ts";
import { answerText, hostileAnswerText } from "./answer-text.ts";
import { NodeParser, type Understood } from "./node-parser.ts";
import { mayRefuse } from "./refusals.ts";
import { shortened } from "./shortened.ts";
import { shown } from "../shown.ts";

/** Larger than what we take ourselves: who refuses a long head is not the question. */
const MAX_HEAD_BYTES = 256 * 1024;

const parser = new NodeParser("response", MAX_HEAD_BYTES);

/** What goes to the visitor of an application's bytes is understood by Node's client as the same one answer. */
export const ANSWERS: Part = {
  name: "answers",
  unit: "answers",
  run: (run) =>
    run.eachAtOnce((seed) => {
      const random = new Random(seed);
      const method = random.onceIn(5) ? "HEAD" : "GET";
      const text = random.onceIn(2) ? answerText(random) : hostileAnswerText(random);
      const cuts = random.uint32();
      const wrong = check(text, method, cuts, (outcome) => run.count(outcome));
      if (wrong === undefined) return;
      const less = shortened(text, (other) => check(other, method, cuts) !== undefined);
      throw new Finding(seed, `${wrong}\nto ${method}: ${shown(less)}`);
    }),
};

function check(
  text: string,
  method: string,
  cuts: number,
  count: (outcome: string) => void = () => undefined,
): string | undefined {
  const bytes = Buffer.from(text, "latin1");
  const visitor = new Visitor();
  const reader = new ResponseReader(visitor, method);
  try {
    for (const piece of new Random(cuts).cut(bytes)) {
      if (visitor.ended) break; // The connection is given back, or cut.
      reader.read(piece);
    }
    if (!visitor.ended) reader.end();
  } catch (error) {
    return `it throws ${error instanceof Error ? (error.stack ?? "") : String(error)}`;
  }
  count(visitor.outcome);
  return seenByVisitor(visitor, method) ?? changed(visitor, bytes, method);
}

/** Node keeps a tab at the end of a value, which RFC 9110 section 5.5 does not count to it. */
const TAB_BEHIND_VALUE = "\t\r\n";

/** What Node makes of the application's own bytes, where it takes them too. */
function changed(visitor: Visitor, bytes: Buffer, method: string): string | undefined {
  if (visitor.outcome !== "complete" || visitor.final?.status === 101) return undefined;
  if (bytes.includes(TAB_BEHIND_VALUE)) return undefined;
  const passed = answerIn(Buffer.from(visitor.sent, "latin1"), method);
  const told = answerIn(bytes, method);
  if (passed === undefined || told === undefined) return undefined;
  if (passed.status !== told.status) return `of ${told.status} it makes ${passed.status}`;
  return passed.body === told.body ? undefined : `of ${shown(told.body)} it makes ${shown(passed.body)}`;
}

/** The one final answer that the bytes of a connection are to Node. */
function answerIn(bytes: Buffer, method: string): Understood | undefined {
  parser.begin(method === "HEAD");
  if (parser.feed(bytes) !== undefined) return undefined;
  const answers = parser.messages.filter(({ status }) => status >= 200);
  if (answers[0]?.complete === false) parser.end();
  return answers.length === 1 && answers[0]?.complete === true ? answers[0] : undefined;
}

function seenByVisitor(visitor: Visitor, method: string): string | undefined {
  const { final } = visitor;
  parser.begin(method === "HEAD");
  const refusal = parser.feed(Buffer.from(visitor.sent, "latin1"));
  const interim = parser.messages.filter(({ status }) => status < 200 && status !== 101);
  const answers = parser.messages.filter(({ status }) => status >= 200 || status === 101);
  if (refusal !== undefined) {
    const matters = visitor.outcome === "complete" && !mayRefuse(refusal, visitor.sent);
    return matters ? `Node refuses it: ${refusal}` : undefined;
  }
  if (interim.length !== visitor.interim) return `Node sees ${interim.length} interim answers`;
  if (answers.length !== (final === undefined ? 0 : 1)) return `Node sees ${answers.length} answers`;
  const [theirs] = answers;
  if (final === undefined || theirs === undefined || final.status === 101) return undefined;
  return difference(visitor, final, theirs);
}

function difference(visitor: Visitor, final: ResponseHead, theirs: Understood): string | undefined {
  if (theirs.status !== final.status) return `Node sees the status ${theirs.status}`;
  const done = visitor.outcome === "complete";
  if (final.framing.kind === "close") {
    if (theirs.complete) return "Node does not wait for the end of the connection";
    if (done) parser.end();
  }
  if (theirs.complete !== done) return `Node thinks it ${theirs.complete ? "complete" : "incomplete"}`;
  return undefined;
}

/** What an HTTP/1 visitor is sent, as Exchange writes it. */
class Visitor implements ResponseSink {
  sent = "";
  interim = 0;
  final: ResponseHead | undefined;
  outcome: "nothing" | "complete" | "begun" | "garbled" | "cut" = "nothing";

  get ended(): boolean {
    return this.outcome !== "nothing" && this.outcome !== "begun";
  }

  informed(head: ResponseHead): void {
    this.interim += 1;
    this.sent += `${head.line}\r\n${head.fields}\r\n`;
  }

  answered(head: ResponseHead, body: Buffer | undefined, done: boolean): void {
    if (this.ended) return;
    this.final = head;
    const upgrade = head.status === 101 ? `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n` : "";
    this.sent += `${head.line}\r\n${head.fields}${upgrade}\r\n${body?.toString("latin1") ?? ""}`;
    this.outcome = done ? "complete" : "begun";
  }

  answering(body: Buffer, done: boolean): void {
    if (this.outcome !== "begun") return;
    this.sent += body.toString("latin1");
    if (done) this.outcome = "complete";
  }

  garbled(): void {
    this.outcome = this.outcome === "nothing" ? "garbled" : "cut";
  }
}
