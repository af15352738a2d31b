// A loopback port is anybody's once the process that had it has let go: who takes it then gets nothing of the visitors.
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { wordsFor } from "#src/log/words.js";
import { startPortThief, THIEF_UID } from "../rig/port-thief.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { pidOf, serveSite, type ServedSite } from "./site.js";

const AS_ANOTHER = {
  skip:
    (process.platform !== "linux" && "only Linux says whose a listening socket is") ||
    (process.env["CI"] !== "true" && process.getuid?.() !== 0 && "to be another account takes root"),
};
const SECRET = { headers: { cookie: "session=secret" } };
const VISITORS = 12;

function portOf(site: ServedSite): number {
  const ready = site.events.find((event) => event.type === "backend-ready");
  ok(ready?.type === "backend-ready");
  return ready.port;
}

/** As many as one who was sent to the thief would notice; POST too, since none of them is ever sent twice. */
function visitors(site: ServedSite): Promise<Response[]> {
  const method = (n: number): string => (n % 2 === 0 ? "GET" : "POST");
  return Promise.all(
    Array.from({ length: VISITORS }, (_, n) => fetch(`${site.url}/p${n}`, { ...SECRET, method: method(n) })),
  );
}

async function answeredBy(responses: readonly Response[]): Promise<readonly string[]> {
  return [
    ...new Set(await Promise.all(responses.map(async (each) => (await each.text()).split(" ")[0] ?? ""))),
  ];
}

test(
  "another account that takes the port during a swap captures no request, and nobody loses one",
  AS_ANOTHER,
  async (t) => {
    const site = await serveSite(t);
    const before = pidOf(await fetch(site.url));
    const slow = fetch(`${site.url}/wait`, SECRET);
    await pending(site);
    const thief = await startPortThief(t, portOf(site));
    equal((await fetch(`${site.url}/drain`)).status, 200);
    await thief.taken();
    const asked = visitors(site);
    const taken = await site.nth("backend-port-taken", 1);
    // The one that is on its way keeps the old process.
    process.kill(before, "SIGUSR2");
    equal((await slow).status, 200);
    const responses = await asked;
    deepEqual(await answeredBy(responses), ["pid"]);
    for (const response of responses) notEqual(pidOf(response), before);
    deepEqual(thief.captured, []);
    match(wordsFor(taken).text, new RegExp(`taken by another program .*account ${THIEF_UID}`));
  },
);

test(
  "another account that takes the port of a process that crashed captures no request",
  AS_ANOTHER,
  async (t) => {
    const site = await serveSite(t);
    const before = pidOf(await fetch(site.url));
    const thief = await startPortThief(t, portOf(site));
    process.kill(before, "SIGKILL");
    await thief.taken();
    const responses = await visitors(site);
    deepEqual(await answeredBy(responses), ["pid"]);
    deepEqual(thief.captured, []);
  },
);

test(
  "a program of the same account that takes the port captures no request either",
  AS_ANOTHER,
  async (t) => {
    const site = await serveSite(t);
    const before = pidOf(await fetch(site.url));
    const slow = fetch(`${site.url}/wait`);
    await pending(site);
    const thief = await startPortThief(t, portOf(site), { uid: process.getuid?.() ?? 0 });
    equal((await fetch(`${site.url}/drain`)).status, 200);
    await thief.taken();
    const asked = visitors(site);
    await site.nth("backend-port-taken", 1);
    process.kill(before, "SIGUSR2");
    equal((await slow).status, 200);
    deepEqual(await answeredBy(await asked), ["pid"]);
    deepEqual(thief.captured, []);
  },
);

test("a process that has become another account on purpose gets its visitors", AS_ANOTHER, async (t) => {
  const become = `process.setgid(${THIEF_UID}); process.setuid(${THIEF_UID});`;
  const app = `require("node:http").createServer((q, r) => r.end("pid " + process.getuid())).listen(process.env.PORT, "127.0.0.1");`;
  const site = await serveSite(t, { program: `exec "${process.execPath}" -e '${become} ${app}'` });
  equal(await (await fetch(site.url)).text(), `pid ${THIEF_UID}`);
});

/** The request before it is on its way. */
function pending(site: ServedSite): Promise<unknown> {
  return until(
    "a request is pending",
    async () => (await (await fetch(`${site.url}/pending`)).text()) === "1",
  );
}
