// The primary of a cluster, as Node's documentation has it: on "swap" a new worker, and when it listens the old one goes.
import cluster from "node:cluster";

cluster.setupPrimary({ exec: process.argv[2] });
let current = await begin();
process.send("live");
process.on("message", () => void swap());

async function swap() {
  const old = current;
  current = await begin();
  old.disconnect();
  process.send("live");
}

function begin() {
  const worker = cluster.fork();
  return new Promise((resolve) => worker.once("listening", () => resolve(worker)));
}
