import { forwardedHead } from "#src/platform/http1/forwarded.js";
import { readHead } from "#src/platform/http1/head-reader.js";
import type { RequestHead } from "#src/platform/http1/request-head.js";
import { BodyScanner } from "#src/platform/http1/body.js";
import { Finding, type Part, type Run } from "../part.ts";
import { Random } from "../random.ts";
import { fieldsOf, sameFields } from "./fields.ts";
import { NodeParser } from "./node-parser.ts";
import { mayRefuse } from "./refusals.ts";
import { requestText, soundRequest } from "./request-text.ts";
import { shortened } from "./shortened.ts";
import { shown } from "../shown.ts";

const CLIENT = {
  address: "10.0.0.1",
  forwardedFor: "10.0.0.1",
  scheme: "http",
  localAddress: "10.0.0.2",
  trusted: false,
} as const;
const NOT_FOR_THE_APP = /^(ms-aspnetcore-|x-iis-|keep-alive$|proxy-connection$)/i;

const parser = new NodeParser("request");

/** What is forwarded of a client's bytes is understood by Node as the same messages: never more, never others. */
export const HEADS: Part = {
  name: "heads",
  unit: "connections with 1 to 4 requests",
  run: (run) =>
    run.eachAtOnce((seed) => {
      const random = new Random(seed);
      if (random.onceIn(20)) {
        checkSound(random);
        run.count("sound");
        return;
      }
      const text = requestText(random);
      const wrong = check(text, run);
      if (wrong === undefined) return;
      throw new Finding(seed, `${wrong}\n${shown(shortened(text, (less) => check(less) !== undefined))}`);
    }),
};

/** What is wrong with how the text is forwarded. */
function check(text: string, run?: Run): string | undefined {
  let rest: Buffer = Buffer.from(text, "latin1");
  parser.begin();
  for (;;) {
    const read = readHead(rest);
    if (read.kind !== "whole") {
      run?.count(read.kind === "part" ? "incomplete" : `refused with ${read.status}`);
      return undefined;
    }
    const { head } = read;
    const content: Buffer[] = [];
    const trailers: string[] = [];
    const scanner = new BodyScanner(head.framing, {
      part: (bytes) => void content.push(bytes),
      trailers: (fields) => void trailers.push(fields),
    });
    const behind = read.rest ?? Buffer.alloc(0);
    const end = scanner.scan(behind, 0);
    if (end === -1) {
      run?.count("refused in its body");
      return undefined;
    }
    const forwarded = `${forwardedHead(head, CLIENT)}\r\n`;
    const before = parser.messages.length;
    const passed = `${forwarded}${scanner.passed(behind, end).toString("latin1")}`;
    const refusal = parser.feed(Buffer.from(passed, "latin1"));
    if (refusal !== undefined) {
      if (scanner.done && !mayRefuse(refusal, passed)) return `Node refuses what is forwarded: ${refusal}`;
      run?.count(`forwarded, refused by Node: ${refusal}`);
      return parser.messages.length > before + 1 ? "Node sees more than one message" : undefined;
    }
    run?.count("forwarded");
    const wrong = difference(head, forwarded, before, {
      done: scanner.done,
      body: Buffer.concat(content).toString("latin1"),
      trailers: trailers.join(""),
    });
    if (wrong !== undefined) return wrong;
    if (!scanner.done || head.upgrade !== "" || !head.keepAlive) return undefined;
    rest = behind.subarray(end);
  }
}

interface Body {
  readonly done: boolean;
  readonly body: string;
  readonly trailers: string;
}

function difference(head: RequestHead, forwarded: string, before: number, ours: Body): string | undefined {
  const { messages } = parser;
  const theirs = messages[before];
  if (messages.length !== before + 1 || theirs === undefined)
    return `Node sees ${messages.length - before} messages`;
  if (theirs.method !== head.method) return `Node sees method ${theirs.method}`;
  if (theirs.target !== head.target) return `Node sees target ${theirs.target}`;
  if (theirs.complete !== ours.done) return `Node thinks it ${theirs.complete ? "complete" : "incomplete"}`;
  if (theirs.body !== ours.body) return `Node sees the body ${shown(theirs.body)}`;
  if (theirs.upgrade !== (head.upgrade !== "")) return `Node thinks ${theirs.upgrade} of its upgrade`;
  const sent = fieldsOf(forwarded.slice(forwarded.indexOf("\r\n") + 2));
  if (!sameFields(sent, theirs.fields)) return `Node sees the fields ${shown(theirs.fields.join(" | "))}`;
  if (ours.done && !sameFields(fieldsOf(ours.trailers), theirs.trailers))
    return `Node sees the trailers ${shown(theirs.trailers.join(" | "))}`;
  for (let at = 0; at < sent.length; at += 2)
    if (NOT_FOR_THE_APP.test(sent[at] ?? "")) return `${sent[at]} goes to the application`;
  return undefined;
}

/** Nothing that is sound is refused, and ordinary fields go on unchanged and in their order. */
function checkSound(random: Random): void {
  const { text, fields } = soundRequest(random);
  const wrong = check(text);
  if (wrong !== undefined) throw new Error(`${wrong}\n${shown(text)}`);
  const seen = parser.messages[0]?.fields ?? [];
  const own: string[] = [];
  for (let at = 0; at < seen.length; at += 2)
    if (/^X-\d+$/.test(seen[at] ?? "")) own.push(seen[at] ?? "", seen[at + 1] ?? "");
  if (!sameFields(fields, own)) throw new Error(`a sound request is changed: ${shown(text)}`);
}
