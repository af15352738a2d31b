// Open-loop latency: a constant rate over kept-alive connections, measured from when each request was due.
import { connect } from "node:net";

const [port, perSecond, seconds] = process.argv.slice(2).map(Number);
const CONNECTIONS = 32;
const REQUEST = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
const TICK_MS = 1;

const free = [];
const waiting = [];
const latencies = [];
let underWay = 0;

function open() {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const connection = { socket, due: 0 };
  socket.on("connect", () => free.push(connection));
  // The bare server's response fits one packet, and there is one request at a time.
  socket.on("data", () => {
    latencies.push(performance.now() - connection.due);
    underWay -= 1;
    const due = waiting.shift();
    if (due === undefined) free.push(connection);
    else send(connection, due);
  });
  socket.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
}

function send(connection, due) {
  underWay += 1;
  connection.due = due;
  connection.socket.write(REQUEST);
}

for (let n = 0; n < CONNECTIONS; n += 1) open();
await new Promise((resolve) => setTimeout(resolve, 500));
const startedAt = performance.now();
let sent = 0;
const ticking = setInterval(() => {
  const now = performance.now();
  const wanted = Math.floor(Math.min((now - startedAt) / 1000, seconds) * perSecond);
  for (; sent < wanted; sent += 1) {
    const connection = free.pop();
    // Due now, not when the tick should have been: the timer's own lateness is not the server's.
    if (connection === undefined) waiting.push(now);
    else send(connection, now);
  }
  if (now - startedAt < seconds * 1000 || underWay > 0) return;
  clearInterval(ticking);
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  console.log(
    JSON.stringify({ requests: latencies.length, p50: at(0.5), p99: at(0.99), max: latencies.at(-1) }),
  );
  process.exit(0);
}, TICK_MS);
