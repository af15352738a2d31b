import type { Part } from "../part.ts";
import { soundApp, Supervised } from "./supervised.ts";

const MESSAGES = new URL("odd-messages.js", import.meta.url).href;

/** `supervise` lives and the site is served, whatever the process of a release tells it. */
export const WORKERS: Part = {
  name: "workers",
  unit: "releases",
  async run(run) {
    const supervised = await Supervised.start(run, "app-1.mjs", soundApp());
    run.startClock();
    await run.each(async (seed) => {
      const outcome = await supervised.releases(`app-${seed}-${run.done}.mjs`, soundApp(telling(seed)));
      run.count(outcome?.result ?? "not known");
      await supervised.check();
    });
  },
};

/** Some of it before the app listens, the rest while it serves. */
function telling(seed: number): string {
  return `
import { oddMessages } from ${JSON.stringify(MESSAGES)};
const messages = oddMessages(${seed});
for (const message of messages.splice(0, messages.length >> 1)) if (process.connected) process.send(message);
setTimeout(() => {
  for (const message of messages) if (process.connected) process.send(message);
}, 50);`;
}
