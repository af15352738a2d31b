import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { requestText, type Place } from "../messages/request-text.ts";
import type { Part } from "../part.ts";
import { Random } from "../random.ts";
import { HOSTILE } from "./served-sites.ts";
import { besideSoundVisitors } from "./beside.ts";

const AT_A_TIME = 40;
const LONGEST_STAY_MS = 200;
/** Nobody serves it: the handler answers itself, and at once. */
const NOBODY = "nobody.example";

/** `serve` lives, and the other sites lose nothing, whatever visitors and an application send over HTTP/1. */
export const HTTP1: Part = {
  name: "http1",
  unit: "connections",
  run: (run) => besideSoundVisitors(run, { tls: false, atATime: AT_A_TIME }, visit),
};

/** One connection of a visitor that follows no rule. */
export async function visit(port: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const piece of random.cut(Buffer.from(textOf(random), "latin1"))) {
    if (!socket.writable) break;
    socket.write(piece);
    if (random.onceIn(4)) await delay(1);
  }
  await Promise.race([closed, delay(random.below(LONGEST_STAY_MS))]);
  switch (random.below(3)) {
    case 0:
      socket.resetAndDestroy();
      break;
    case 1:
      socket.end();
      await Promise.race([closed, delay(LONGEST_STAY_MS)]);
      socket.destroy();
      break;
    default:
      socket.destroy();
  }
}

function textOf(random: Random): string {
  const place: Place = {
    host: random.onceIn(10) ? NOBODY : HOSTILE,
    target: (one) => `/f/${one.uint32()}`,
  };
  // Many requests at once, of which each one is answered before the next is read.
  if (random.onceIn(30)) return `GET / HTTP/1.1\r\nHost: ${NOBODY}\r\n\r\n`.repeat(random.below(6_000));
  if (random.onceIn(3)) return soundPipeline(random, place);
  return random.list(1 + random.below(3), () => requestText(random, place)).join("");
}

/** So that the application's answers come to be read. */
function soundPipeline(random: Random, { host, target }: Place): string {
  return random
    .list(1 + random.below(5), () => `GET ${target(random)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    .join("");
}
