// Mirrors the ASP.NET Core Module's own tests; the name of the one it mirrors stands before the colon.
import { deepEqual, equal, match, notEqual, ok, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, open, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { serveSite, webConfig, writeSite } from "./site.js";

const pidOf = (response: Response): string | null => response.headers.get("x-pid");

test("started on the first request, and concurrent first requests are held under one start", async (t) => {
  const site = await serveSite(t);
  equal(site.count("backend-starting"), 0);
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(site.url)));
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  equal(new Set(answers.map(pidOf)).size, 1);
  equal(site.count("backend-starting"), 1);
});

test("a handler that is ended at the moment in which the process comes up ends that process too", async (t) => {
  const site = await serveSite(t);
  // Reading this waits for whoever writes to it, which holds the start between "it listens" and "it is ready".
  await mkdir(dirname(site.layout.started), { recursive: true });
  execFileSync("mkfifo", [site.layout.started]);
  const cut = rejects(fetch(site.url));
  const starting = await site.nth("backend-starting", 1);
  const writer = await open(site.layout.started, "w");
  site.handler.kill();
  await writer.writeFile("site-0123456789.mjs\n");
  await writer.close();
  await cut;
  await site.nth("backend-start-failed", 1);
  equal(site.count("backend-ready"), 0);
  ok(starting.type === "backend-starting");
  throws(() => process.kill(starting.pid, 0), { code: "ESRCH" });
});

test("RecycleApplicationAfterBackendProcessBeingKilled: each killed process is followed by a new one", async (t) => {
  const site = await serveSite(t);
  const seen = new Set<string | null>();
  for (let n = 1; n <= 3; n += 1) {
    const pid = pidOf(await fetch(site.url));
    seen.add(pid);
    process.kill(Number(pid), "SIGKILL");
    await site.nth("backend-exited", n);
  }
  seen.add(pidOf(await fetch(site.url)));
  equal(seen.size, 4);
});

test("RecycleApplicationAfterWebConfigUpdated: a changed web.config is in force without a lost request", async (t) => {
  const site = await serveSite(t);
  const before = pidOf(await fetch(site.url));
  await writeSite(site.layout, 'arguments="--changed &quot;two words&quot;"');
  await site.nth("backend-exited", 1);
  const response = await fetch(`${site.url}/arguments`);
  deepEqual(await response.json(), ["--changed", "two words"]);
  notEqual(pidOf(response), before);
});

test("RequestsWhileRestartingAppFromConfigChangeAreProcessed: 2,000 requests over config changes are all answered with 200", async (t) => {
  const site = await serveSite(t);
  let left = 2_000;
  const statuses: number[] = [];
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(site.url, left % 2 === 0 ? { method: "POST", body: "x" } : {});
      await response.arrayBuffer();
      statuses.push(response.status);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let n = 1; n <= 3; n += 1) {
    await site.nth("backend-ready", n);
    await writeSite(site.layout, `arguments="${n}"`);
    await site.nth("backend-exited", n);
  }
  await Promise.all(clients);
  equal(statuses.length, 2_000);
  deepEqual(new Set(statuses), new Set([200]));
});

test("a web.config that becomes malformed is answered with 500.19 and its place, and mending it brings the site back", async (t) => {
  const site = await serveSite(t);
  equal((await fetch(site.url)).status, 200);
  await writeFile(site.layout.webConfig, webConfig('processPath=".\\launch.cmd" startupTimeLimit="soon"'));
  await site.nth("site-broken", 1);
  const broken = await fetch(site.url);
  equal(broken.status, 500);
  match(
    await broken.text(),
    /500\.19[\s\S]*web\.config:4:\d+: startupTimeLimit=&#34;soon&#34; is not a whole number/,
  );
  await writeSite(site.layout);
  await until("the site is back", async () => (await fetch(site.url)).status === 200);
});

test("recycleOnFileChange: a changed file stops the process gracefully, and the next request starts another", async (t) => {
  const site = await serveSite(t, {
    attributes: '><recycleOnFileChange><file path=".\\restart.txt"/></recycleOnFileChange>',
  });
  const before = pidOf(await fetch(site.url));
  await writeFile(join(site.layout.root, "restart.txt"), "now");
  equal((await site.nth("backend-exited", 1)).type, "backend-exited");
  notEqual(pidOf(await fetch(site.url)), before);
});

test("StartupTimeLimitTest: a process that does not listen in time is killed with its tree, tried again, and answered with 502.5", async (t) => {
  const site = await serveSite(t, {
    attributes: 'startupTimeLimit="1" startupRetryCount="2"',
    program: 'echo "still thinking"; sleep 100 & echo $! >> pids; wait',
  });
  const response = await fetch(site.url);
  equal(response.status, 502);
  match(await response.text(), /502\.5[\s\S]*did not listen on port \d+ within 1 s[\s\S]*still thinking/);
  equal(site.count("backend-start-failed"), 2);
  const pids = (await readFile(join(site.layout.root, "pids"), "utf8")).trim().split("\n");
  equal(pids.length, 2);
  for (const pid of pids) await until(`${pid} has ended`, () => !alive(Number(pid)));
});

for (const limit of [5, 1, 0]) {
  test(`RapidFailsPerMinuteTest: after more than ${limit} failures no process is started for the rest of the minute`, async (t) => {
    const site = await serveSite(t, { attributes: `rapidFailsPerMinute="${limit}"` });
    let blockedAt: number | undefined;
    for (let n = 0; n < limit + 3 && blockedAt === undefined; n += 1) {
      const response = await fetch(site.url);
      if (response.status === 502) {
        blockedAt = n;
        match(await response.text(), /502\.5[\s\S]*failed too often within a minute/);
        break;
      }
      process.kill(Number(pidOf(response)), "SIGKILL");
      await site.nth("backend-exited", n + 1);
    }
    equal(blockedAt, limit + 1);
  });
}

for (const processes of [2, 10]) {
  test(`ProcessesPerApplicationTest: ${processes} processes take turns`, async (t) => {
    const site = await serveSite(t, { attributes: `processesPerApplication="${processes}"` });
    await until(`${processes} processes`, async () => {
      await fetch(site.url);
      return site.count("backend-ready") === processes;
    });
    const pids = [];
    for (let n = 0; n < 2 * processes; n += 1) pids.push(pidOf(await fetch(site.url)));
    equal(new Set(pids.slice(0, processes)).size, processes);
    deepEqual(pids.slice(0, processes), pids.slice(processes));
  });
}

test("RequestTimeoutTest: a request that is not answered in time gets 502.3, and the process lives on", async (t) => {
  const site = await serveSite(t, { attributes: 'requestTimeout="00:00:01"' });
  const pid = pidOf(await fetch(site.url));
  const response = await fetch(`${site.url}/never`);
  equal(response.status, 502);
  match(await response.text(), /502\.3[\s\S]*did not answer in time/);
  equal(pidOf(await fetch(site.url)), pid);
});

test("StdoutLogEnabledTest: output goes to a file named by time and handler, in a folder that is made for it", async (t) => {
  const site = await serveSite(t, {
    attributes: 'stdoutLogEnabled="true" stdoutLogFile=".\\logs\\out"',
    program: "echo to stdout; echo to stderr >&2; exit 3",
  });
  equal((await fetch(site.url)).status, 502);
  const folder = join(site.layout.root, "logs");
  const text = await until("the log has both lines", async () => {
    const [name = ""] = await readdir(folder);
    match(name, new RegExp(`^out_\\d{14}_${process.pid}\\.log$`));
    const content = await readFile(join(folder, name), "utf8");
    return content.includes("to stderr") && content;
  });
  ok(text.includes("to stdout"));
});

test("ProcessPathAndArgumentsTest: variables are expanded in processPath, arguments and environment values", async (t) => {
  const site = await serveSite(t, {
    env: { ...process.env, GREETING: "hello world" },
    attributes:
      'arguments="%GREETING% &quot;%greeting%&quot; %HTTP_PLATFORM_PORT% %UNKNOWN%"><environmentVariables>' +
      '<environmentVariable name="OWN" value="%GREETING%!"/><environmentVariable name="GONE" value="1"/>' +
      '<remove name="GONE"/></environmentVariables>',
  });
  const environment = (await (await fetch(`${site.url}/environment`)).json()) as Record<string, string>;
  equal(environment["OWN"], "hello world!");
  equal(environment["GONE"], undefined);
  equal(environment["PORT"], environment["HTTP_PLATFORM_PORT"]);
  equal(environment["INPLACE_SITE_ROOT"], site.layout.root);
  const given = await (await fetch(`${site.url}/arguments`)).json();
  deepEqual(given, ["hello", "world", "hello world", environment["PORT"], "%UNKNOWN%"]);
});

test("ShutdownTimeLimitTest: a process that ignores the request to stop is killed after the limit, with its tree", async (t) => {
  const site = await serveSite(t);
  await writeFile(
    site.layout.webConfig,
    webConfig("").replace(
      /<httpPlatform.*>/,
      '<aspNetCore processPath=".\\launch.cmd" shutdownTimeLimit="1"/>',
    ),
  );
  const program = (await readFile(`${site.layout.root}/launch.sh`, "utf8")).replace(
    "exec ",
    "trap '' TERM; IGNORE_STOP=1 ",
  );
  await writeFile(`${site.layout.root}/launch.sh`, program);
  await site.nth("site-file-changed", 1);
  const pid = Number(pidOf(await fetch(site.url)));
  await site.handler.stop();
  await until("the process has ended", () => !alive(pid));
});

test("AppOfflineTestWithRenaming: the page is served while the file has the name, and the site comes back", async (t) => {
  const site = await serveSite(t);
  equal((await fetch(site.url)).status, 200);
  const aside = `${site.layout.appOffline}.txt`;
  await writeFile(aside, "<h1>back soon</h1>");
  for (let round = 1; round <= 2; round += 1) {
    await rename(aside, site.layout.appOffline);
    const offline = await until("the site is offline", async () => {
      const response = await fetch(site.url);
      return response.status === 503 && response;
    });
    equal(await offline.text(), "<h1>back soon</h1>");
    match(offline.headers.get("content-type") ?? "", /^text\/html/);
    await site.nth("backend-exited", round);
    await rename(site.layout.appOffline, aside);
    await until("the site is back", async () => (await fetch(site.url)).status === 200);
  }
});

test("AppOfflineDroppedWhileSiteIsDown: a file that is there before the start is obeyed", async (t) => {
  const site = await serveSite(t, { offline: "away" });
  const response = await fetch(site.url);
  equal(response.status, 503);
  equal(await response.text(), "away");
  equal(site.count("backend-starting"), 0);
  await rm(site.layout.appOffline);
  await until("the site is up", async () => (await fetch(site.url)).status === 200);
});

test("AppOfflineAddedAndRemovedStress: only 200 and 503 are ever answered", async (t) => {
  const site = await serveSite(t);
  let running = true;
  const statuses = new Set<number>();
  const client = async (): Promise<void> => {
    while (running) statuses.add((await fetch(site.url)).status);
  };
  const clients = [client(), client(), client()];
  const answersWith = (status: number) =>
    until(`an answer with ${status}`, async () => (await fetch(site.url)).status === status);
  for (let round = 1; round <= 10; round += 1) {
    await writeFile(site.layout.appOffline, "x".repeat(round * 1000));
    if (round % 2 === 0) await answersWith(503);
    await rm(site.layout.appOffline);
    if (round % 2 === 0) await answersWith(200);
  }
  running = false;
  await Promise.all(clients);
  deepEqual(statuses, new Set([200, 503]));
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
