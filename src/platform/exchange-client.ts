import type { Failure } from "./failure.ts";
import type { RequestHead } from "./http1/request-head.ts";
import type { ResponseHead } from "./http1/response-head.ts";
import type { Guarded } from "./proxy/boundary.ts";

/** A body up to this size goes out in one write with its head. */
const ONE_WRITE_BYTES = 16 * 1024;

/** What is known of an exchange when it is over, for the access log. */
export interface ExchangeRecord {
  readonly head: RequestHead;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** What was answered; 0: nothing. */
  readonly status: number;
  readonly substatus: number;
  /** Of the response, its head included. */
  readonly bytes: number;
  /** What it was sent to last. */
  readonly artifact: string | undefined;
  /** The site that it is for, where there are several. */
  readonly site: string | undefined;
}

/** The client's side of an exchange. Text is Latin-1; `write` answers false to ask for a pause. */
export interface ExchangeClient extends Guarded {
  write(bytes: string | Buffer): boolean;
  cork(): void;
  uncork(): void;
  /** Its bytes are not wanted until `resume`, which is due within the time; default: the client's own limit. */
  pause(withinMs?: number): void;
  resume(): void;
  /** Answers in the application's place; gives the bytes written. */
  fail(failure: Failure, head: RequestHead): number;
  /** Response complete, and the request's body too if `keepAlive`. */
  exchangeOver(keepAlive: boolean): void;
  /** From now on the client's bytes go to `Exchange.body`. */
  splice(): void;
  /** Closes when everything is written. */
  end(): void;
  /** Cuts, so that the client can tell that the response is not whole; `endless`: nothing but the end of the connection tells. */
  cut(endless?: boolean): void;
  /** The request is complete, and the next sign of life due within the time; Infinity: none is due. */
  expect(withinMs: number): void;
  /** False where its protocol has no way to say this; such an answer becomes 502. */
  carries?(head: ResponseHead): boolean;
  /** The exchange is over; `cut`: before its response was complete. Called once. */
  ended(record: ExchangeRecord, cut: boolean): void;
  /** The handler is about to stop, so no connection is kept. */
  readonly closing: boolean;
}

/** Writes a response's head and the part of its body that came with it; false asks for a pause. */
export function writeResponse(client: ExchangeClient, headText: string, body: Buffer | undefined): boolean {
  if (body === undefined) return client.write(headText);
  if (body.length <= ONE_WRITE_BYTES) return client.write(headText + body.toString("latin1"));
  client.cork();
  client.write(headText);
  const flowing = client.write(body);
  client.uncork();
  return flowing;
}
