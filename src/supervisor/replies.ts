import {
  isAnyOf,
  isAnything,
  isListOf,
  isNumber,
  isOneOf,
  isPid,
  isText,
  isTime,
  isWhole,
  orAbsent,
  withFields,
  type Check,
} from "../record-shape.ts";
import type { ControlAnswers, SupervisorStatus } from "./requests.ts";
import type { RolloutOutcome, SupervisorState } from "./state.ts";
import type { SwapReport } from "./swap-report.ts";

// What the command believes of what comes back on the control channel: the account that runs the site may answer there
// with anything, and root may be the one who asks.

export interface ReplyError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** One of the two. */
export interface Reply {
  readonly answer?: unknown;
  readonly error?: ReplyError;
}

export const isReply = withFields<Reply>({
  answer: isAnything,
  error: orAbsent(withFields<ReplyError>({ code: isText, message: isText, hint: orAbsent(isText) })),
});

const isSwap = withFields<SwapReport>({
  artifact: isText,
  previous: orAbsent(isText),
  cause: isOneOf("start", "pointer", "replaced", "reload", "last-good", "refresh"),
  startedAt: isTime,
  detectedAfterMs: orAbsent(isNumber),
  readyAfterMs: isNumber,
  switchedAfterMs: isNumber,
  drainedAfterMs: orAbsent(isNumber),
  firstRequestAfterMs: orAbsent(isNumber),
  requests: orAbsent(isNumber),
  cut: isNumber,
  reset: isNumber,
  lostWorkers: isNumber,
});

const isState: Check<SupervisorState> = isAnyOf(
  withFields({ state: isOneOf("idle", "stopping") }),
  withFields({
    state: isOneOf("starting", "proving", "switching"),
    artifact: isText,
    live: orAbsent(isText),
  }),
  withFields({ state: isOneOf("draining"), artifact: isText, previous: orAbsent(isText) }),
  withFields({ state: isOneOf("serving"), artifact: isText }),
  withFields({
    state: isOneOf("fallen-back"),
    artifact: orAbsent(isText),
    failed: isText,
    reason: isText,
  }),
);

const isOutcome: Check<RolloutOutcome> = isAnyOf(
  withFields({ result: isOneOf("live"), artifact: isText, swap: orAbsent(isSwap) }),
  withFields({
    result: isOneOf("failed"),
    artifact: isText,
    reason: isText,
    output: isListOf(isText),
    live: orAbsent(isText),
  }),
  withFields({ result: isOneOf("superseded"), artifact: isText, by: isText }),
);

/** What an answer to each question is. */
export const ANSWERS: { readonly [K in keyof ControlAnswers]: Check<ControlAnswers[K]> } = {
  status: withFields<SupervisorStatus>({
    state: isState,
    pid: isPid,
    address: isText,
    port: isWhole,
    front: isOneOf("held", "spliced"),
    workers: isListOf(
      withFields<SupervisorStatus["workers"][number]>({ pid: isPid, artifact: isText, startedAt: isTime }),
    ),
    swap: orAbsent(isSwap),
  }),
  reload: withFields<ControlAnswers["reload"]>({ reloading: isText }),
  wait: isOutcome,
  rollback: withFields<ControlAnswers["rollback"]>({ artifact: isText, previous: orAbsent(isText) }),
};
