import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import { Server } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { WorkerListener, type Listen } from "#src/runtime/worker-listener.js";
import { holdSocket, type HeldSocket } from "#src/supervisor/held-socket.js";

/** Shorter than an answer takes. */
const DEADLINE_MS = 300;
const ANSWER_MS = 600;

for (const how of ["a shared socket", "its private port"] as const) {
  test(`a worker with ${how} that serves again while it still drains cuts nobody, and can drain again`, async (t) => {
    // Each worker has a copy of the supervisor's socket; here a second socket stands for a second copy.
    const [first, second] = [hold(), hold()];
    const server = createServer((request, response) => {
      setTimeout(() => response.end("whole"), request.url === "/slow" ? ANSWER_MS : 0);
    });
    t.after(() => server.closeAllConnections());
    t.after(() => second.close());
    // oxlint-disable-next-line typescript/unbound-method -- it is applied to its server again
    const listen = Server.prototype.listen as Listen;
    const listener = new WorkerListener(server, listen, first, () => undefined);
    const shared = how === "a shared socket";
    const privatePort = await listener.openProbe();
    const order = { deadlineMs: DEADLINE_MS, last: false };

    await listener.serve(shared ? first.handle : undefined);
    listener.closeProbe();
    const before = answer(shared ? first.port : privatePort, "/slow");
    await once(server, "request");
    const drained = listener.drain(order);
    await delay(50); // The drain is under way; nothing tells of it.
    const port = shared ? second.port : privatePort;
    await listener.serve(shared ? second.handle : undefined);
    const after = answer(port, "/slow");
    assert.deepEqual((await drained).cut, []);
    assert.deepEqual(await Promise.all([before, after]), ["whole", "whole"]);

    const last = assert.rejects(answer(port, "/slow"));
    await once(server, "request");
    const { cut } = await listener.drain(order);
    assert.equal(cut.length, 1, "the deadline of the next drain holds again");
    await last;
  });
}

function hold(): HeldSocket {
  return holdSocket({ host: "127.0.0.1", port: 0 });
}

async function answer(port: number, path: string): Promise<string> {
  const request = get({ host: "127.0.0.1", port, path, agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return await text(response);
}
