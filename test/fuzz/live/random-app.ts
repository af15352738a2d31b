// An application whose answers follow from the number in the request's path: /f/N, and /p/N, which reads no body before it
// answers. Everything else gets a sound answer. Started by a site's launch.sh.
import { createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { answerText, hostileAnswerText } from "../messages/answer-text.ts";
import { Random } from "../random.ts";

const IDLE_MS = 1_000;
const SOUND = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound";
const TOO_LARGE = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/** Who sends so much is stuck before he is through. */
const UNREAD_MS = 1_000;

createServer((socket) => {
  let seen = "";
  let answering = Promise.resolve();
  socket.on("error", () => undefined);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("data", (bytes) => {
    seen += bytes.toString("latin1");
    for (let end = seen.indexOf("\r\n\r\n"); end !== -1; end = seen.indexOf("\r\n\r\n")) {
      const target = /^\S+ (\S+) HTTP\//.exec(seen.slice(0, end))?.[1];
      seen = seen.slice(end + 4);
      // Anything else is the rest of a body, which this application does not care about.
      if (target !== undefined)
        answering = answering.then(() => answer(socket, target)).catch(() => undefined);
    }
  });
}).listen(Number(process.env["PORT"]), "127.0.0.1");

async function answer(socket: Socket, target: string): Promise<void> {
  const [, kind, number] = /^\/([fp])\/(\d+)$/.exec(target) ?? [];
  if (kind === undefined) return void socket.write(SOUND);
  const random = new Random(Number(number));
  if (kind === "p") {
    socket.pause().setTimeout(0);
    await delay(UNREAD_MS);
    socket.setTimeout(IDLE_MS);
    return void socket.write(TOO_LARGE);
  }
  const text = random.onceIn(3) ? hostileAnswerText(random) : answerText(random);
  const bytes = Buffer.from(text, "latin1");
  switch (random.below(12)) {
    case 0:
      return void socket.resetAndDestroy();
    case 1:
      return; // Never.
    case 2:
      for (const piece of random.cut(bytes)) {
        socket.write(piece);
        if (random.onceIn(3)) await delay(random.below(30));
      }
      return;
    case 3:
      socket.write(bytes.subarray(0, random.below(bytes.length + 1)));
      await delay(random.below(20));
      return void socket.resetAndDestroy();
    case 4:
      return void socket.end(bytes.subarray(0, random.below(bytes.length + 1)));
    case 5:
    case 6:
    case 7:
      return void socket.end(bytes);
    default:
      socket.write(bytes);
  }
}
