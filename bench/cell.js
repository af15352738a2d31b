// One measurement in a process of its own: node cell.js SUBJECT BEHAVIOUR prints { sent, lost, ms } as JSON.
import { behaviours } from "./behaviours.js";
import { subjects } from "./subjects.js";

const [subject, behaviour] = process.argv.slice(2);
const exit = process.exit.bind(process);
// Of clients whose connection is reset; a mistake of ours gives no result.
process.on("uncaughtException", (error) => {
  if (!("syscall" in error) && !String(error.code).startsWith("ERR_")) throw error;
});

const { kind = "http", handler, run } = behaviours[behaviour];
const { server, stop } = await subjects[subject](kind, handler);
const sockets = [];
let requests = 0;
server.on("request", () => (requests += 1));
server.on("connection", (socket) => sockets.push(socket));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const stops = [];
const context = {
  server,
  sockets,
  port: server.address().port,
  /** Resolves once the app has got so many requests. */
  async got(count) {
    while (requests < count) await new Promise(setImmediate);
  },
  stop() {
    const at = performance.now();
    const late = new Promise((resolve) => setTimeout(resolve, 8_000));
    const stopped = Promise.resolve(stop()).then(() => Math.round(performance.now() - at));
    stops.push(Promise.race([stopped, late]));
    return stopped;
  },
};
const result = await run(context);
const [ms = null] = await Promise.all(stops);
console.log(JSON.stringify({ ...result, ms }));
exit(0);
