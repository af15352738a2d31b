// The slow visitors of `swap --slow`: each comes back whenever its connection ends, as browsers do, and counts what it lost.
import { get } from "node:http";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { DOWNLOAD_LENGTH, DOWNLOAD_MS } from "./swap-slow-app.js";

/** So many downloads at a time, begun at equal distances: at each swap one has most of its time before it. */
const DOWNLOADS = 4;
const AGAIN_MS = 100;
const SAY_MS = 100;

/** Starts all; `end()` gives the counts. */
export function startSlowClients(port) {
  const stop = new AbortController();
  const counts = {
    downloads: 0,
    downloadsBroken: 0,
    events: 0,
    eventsBroken: 0,
    sockets: 0,
    socketsBroken: 0,
    messagesUnanswered: 0,
    polls: 0,
    ordersLost: 0,
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const again = async (visit) => {
    while (!stop.signal.aborted) {
      await visit();
      await pause(AGAIN_MS);
    }
  };
  for (let each = 0; each < DOWNLOADS; each += 1) {
    void pause((each * DOWNLOAD_MS) / DOWNLOADS).then(() => again(() => download(port, counts, stop.signal)));
  }
  void again(() => events(port, counts, stop.signal));
  void again(() => echo(port, counts, stop.signal));
  const orders = startOrders(port, counts);
  return {
    counts,
    async end() {
      await orders.end();
      stop.abort();
      return counts;
    },
  };
}

/** Gives the length that came, "ended" or the failure; undefined once it was stopped. */
function read(port, path, signal) {
  return new Promise((resolve) => {
    let length = 0;
    const end = (problem) => resolve(signal.aborted ? undefined : { length, problem });
    const request = get({ host: "127.0.0.1", port, path, agent: false, signal }, (response) => {
      if (response.statusCode !== 200) end(`status ${response.statusCode}`);
      response.on("data", (chunk) => (length += chunk.length));
      response.once("error", (error) => end(error.message)).once("end", () => end(undefined));
    });
    request.once("error", (error) => end(error.message));
  });
}

async function download(port, counts, signal) {
  const ended = await read(port, "/download", signal);
  if (ended === undefined) return;
  counts.downloads += 1;
  if (ended.problem !== undefined || ended.length !== DOWNLOAD_LENGTH) counts.downloadsBroken += 1;
}

/** An event stream may end whole at any time, and is asked for again; it may not break. */
async function events(port, counts, signal) {
  const ended = await read(port, "/events", signal);
  if (ended === undefined) return;
  counts.events += 1;
  if (ended.problem !== undefined) counts.eventsBroken += 1;
}

/** A WebSocket may be told 1001 at any time; what it said in the same instant may be unanswered. */
function echo(port, counts, signal) {
  return new Promise((resolve) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/echo`);
    const waiting = new Set();
    let said = 0;
    const timer = setInterval(() => {
      if (client.readyState !== WebSocket.OPEN) return;
      waiting.add(String((said += 1)));
      client.send(String(said));
    }, SAY_MS);
    const stopped = () => client.terminate();
    signal.addEventListener("abort", stopped);
    client.on("message", (/** @type {Buffer} */ data) => waiting.delete(data.toString()));
    client.on("error", () => undefined);
    client.once("close", (code) => {
      clearInterval(timer);
      signal.removeEventListener("abort", stopped);
      if (!signal.aborted) {
        counts.sockets += 1;
        if (code !== 1001) counts.socketsBroken += 1;
        counts.messagesUnanswered += waiting.size;
      }
      resolve();
    });
  });
}

/** Orders that are sent until they are taken; counts how often the poll's session began anew. */
function startOrders(port, counts) {
  const client = io(`http://127.0.0.1:${port}`, {
    transports: ["polling"],
    reconnectionDelay: AGAIN_MS,
    reconnectionDelayMax: AGAIN_MS,
    retries: Infinity,
    ackTimeout: 2_000,
  });
  let sent = 0;
  let taken = 0;
  client.on("disconnect", () => (counts.polls += 1));
  const timer = setInterval(() => {
    client.emit("order", (sent += 1), (error) => {
      if (error === null) taken += 1;
    });
  }, SAY_MS);
  return {
    async end() {
      clearInterval(timer);
      const deadline = Date.now() + 30_000;
      while (taken < sent && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
      counts.ordersLost = sent - taken;
      client.disconnect();
    },
  };
}
