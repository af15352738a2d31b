import { spawn } from "node:child_process";
import { text as readText } from "node:stream/consumers";
import { InplaceError, isErrorCode } from "../../errors.ts";
import {
  isAnyOf,
  isListOf,
  isOneOf,
  isText,
  isWhole,
  isWithin,
  orAbsent,
  parseShape,
  withFields,
  type Check,
} from "../../record-shape.ts";
import { siteLayout, type SiteLayout } from "../../site/layout.ts";
import { haproxyFolder, isSlotNumber, type FrontHost, type SlotNumber } from "./front.ts";
import type { HealthCheck } from "./health.ts";
import { expectOwnFolder } from "./own-folder.ts";
import { isSlotRecord, readSlot, type SlotRecord } from "./slot-record.ts";
import { startSlot, stopSlot, type StartOrder } from "./slot.ts";

/** What can be asked of a host; JSON on the standard input of `inplace haproxy backend` on another machine. */
export type AgentRequest =
  | { readonly verb: "status"; readonly siteRoot?: string | undefined }
  | { readonly verb: "start"; readonly siteRoot?: string | undefined; readonly order: StartOrder }
  | {
      readonly verb: "stop";
      readonly siteRoot?: string | undefined;
      readonly slot: SlotNumber;
      readonly limitMs: number;
    };

const isPort = isWithin(1, 65_535);
const isRequest: Check<AgentRequest> = isAnyOf(
  withFields({ verb: isOneOf("status"), siteRoot: orAbsent(isText) }),
  withFields({
    verb: isOneOf("start"),
    siteRoot: orAbsent(isText),
    order: withFields<StartOrder>({
      slot: isSlotNumber,
      artifact: isText,
      port: isPort,
      health: withFields<HealthCheck>({
        address: isText,
        host: orAbsent(isText),
        port: isPort,
        path: isText,
        timeoutMs: isWhole,
      }),
      startMs: isWhole,
      drainMs: isWhole,
    }),
  }),
  withFields({
    verb: isOneOf("stop"),
    siteRoot: orAbsent(isText),
    slot: isSlotNumber,
    limitMs: isWhole,
  }),
);

/** The request that a text is. Throws USAGE for anything else. */
export function parseRequest(text: string): AgentRequest {
  const request = parseShape(text, isRequest);
  if (request !== undefined) return request;
  throw new InplaceError("USAGE", "This host was asked something that it does not understand.", {
    hint: "Another machine asks here, as docs/haproxy.md says: let both run the same version of this package.",
  });
}

/** What runs in the host's slots afterwards. */
export interface AgentAnswer {
  readonly slots: readonly SlotRecord[];
}

/** Another machine gets this long beyond what it was asked to wait for. */
const REMOTE_MARGIN_MS = 30_000;
const SLOTS: readonly SlotNumber[] = [1, 2];

/** Asks a host. What went wrong there is thrown here with its code; HOST_UNREACHABLE if it gave no answer. */
export function askHost(layout: SiteLayout, host: FrontHost, request: AgentRequest): Promise<AgentAnswer> {
  const own = host.siteRoot === undefined ? request : { ...request, siteRoot: host.siteRoot };
  return host.command === undefined ? answerRequest(layout, own) : askRemote(host, host.command, own);
}

/** Does what is asked, on this machine. `layout` is the site where the request names none. */
export async function answerRequest(layout: SiteLayout, request: AgentRequest): Promise<AgentAnswer> {
  const own = request.siteRoot === undefined ? layout : siteLayout(request.siteRoot);
  await expectOwnFolder(own);
  switch (request.verb) {
    case "status":
      break;
    case "start":
      await startSlot(own, request.order);
      break;
    case "stop":
      await stopSlot(own, request.slot, request.limitMs);
      break;
    default:
      return request satisfies never;
  }
  const slots = await Promise.all(SLOTS.map((slot) => readSlot(haproxyFolder(own), slot)));
  return { slots: slots.filter((slot) => slot !== undefined) };
}

async function askRemote(
  host: FrontHost,
  [file = "", ...args]: readonly string[],
  request: AgentRequest,
): Promise<AgentAnswer> {
  // Names go by standard input alone: a shell on the way, as ssh's, would interpret them.
  const child = spawn(file, [...args, "haproxy", "backend", "--json"], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: limitOf(request) + REMOTE_MARGIN_MS,
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : `${file} ended with ${code ?? signal}`),
    );
  });
  child.stdin.on("error", () => undefined).end(JSON.stringify(request));
  const [stdout, stderr, failure] = await Promise.all([
    readText(child.stdout),
    readText(child.stderr),
    ended,
  ]);
  const answer = parseShape(stdout.trim().split("\n").at(-1) ?? "", isDocument);
  if (answer?.error !== undefined) {
    const { code, message } = answer.error;
    throw new InplaceError(isErrorCode(code) ? code : "START_FAILED", `${host.name}: ${message}`);
  }
  if (failure === undefined && answer?.slots !== undefined) return { slots: answer.slots };
  const what = `${host.name} gave no answer: ${failure ?? "not JSON"}.`;
  throw new InplaceError("HOST_UNREACHABLE", `${what}\n${stderr.trim()}`.trim());
}

function limitOf(request: AgentRequest): number {
  switch (request.verb) {
    case "status":
      return 0;
    case "start":
      return request.order.startMs + request.order.drainMs;
    case "stop":
      return request.limitMs;
    default:
      return request satisfies never;
  }
}

interface RemoteDocument {
  readonly slots?: readonly SlotRecord[];
  readonly error?: { readonly code: string; readonly message: string };
}

const isDocument = withFields<RemoteDocument>({
  slots: orAbsent(isListOf(isSlotRecord)),
  error: orAbsent(withFields<NonNullable<RemoteDocument["error"]>>({ code: isText, message: isText })),
});
