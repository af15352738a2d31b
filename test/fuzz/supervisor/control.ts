import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { findControl } from "#src/supervisor/control-place.js";
import type { Part } from "../part.ts";
import { Random } from "../random.ts";
import { oddJson } from "../odd-json.ts";
import { soundApp, Supervised } from "./supervised.ts";

const AT_A_TIME = 20;
const LONGEST_STAY_MS = 100;
const PIECES = [
  "\n",
  "\r\n",
  "{",
  "}",
  '"',
  "\0",
  "\ufeff",
  "null",
  "[",
  ",",
  "\\u0000",
  '{"ask":"status"}\n',
] as const;
const ASKS = ["status", "wait", "rollback", "Status", "stop", "", "__proto__", "constructor"] as const;

/** `supervise` lives and answers others, whatever comes on the socket on which commands ask it. */
export const CONTROL: Part = {
  name: "control",
  unit: "conversations",
  async run(run) {
    const supervised = await Supervised.start(run, "app-1.mjs", soundApp());
    run.startClock();
    const path = await findControl(supervised.layout);
    if (path === undefined) throw new Error("the supervisor has no control socket");
    await run.batches(
      AT_A_TIME,
      (seed) => converse(path, seed),
      () => supervised.check(),
    );
  },
};

async function converse(path: string, seed: number): Promise<void> {
  const random = new Random(seed);
  const socket = connect(path);
  let reply = "";
  socket.on("error", () => undefined);
  socket.setEncoding("utf8").on("data", (text: string) => (reply += text));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const piece of random.cut(Buffer.from(request(random), "latin1"))) {
    if (!socket.writable) break;
    socket.write(piece);
    if (random.onceIn(4)) await delay(random.below(10));
  }
  await Promise.race([closed, delay(random.below(LONGEST_STAY_MS))]);
  socket.destroy();
  if (reply.includes('"INTERNAL"')) throw new Error(`it answers ${reply}`);
}

function request(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return random.noise(random.below(200));
    case 1:
      return random.noise(random.below(300_000)).replaceAll("\n", " ");
    case 2:
      return `${JSON.stringify(oddJson(random))}\n`;
    case 3:
      return random.mutated(`${JSON.stringify(asked(random))}\n`, 1 + random.below(3), PIECES);
    default:
      return `${JSON.stringify(asked(random))}\n`.repeat(1 + random.below(3));
  }
}

/** Nothing that it would obey: what it may be asked, it does. */
function asked(random: Random): object {
  return {
    ask: random.onceIn(4) ? oddJson(random) : random.pick(ASKS),
    artifact: random.onceIn(2) ? oddJson(random) : "app-0.mjs",
    from: oddJson(random),
    waitMs: oddJson(random),
  };
}
