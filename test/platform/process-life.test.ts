// Mirrors the ASP.NET Core Module's own tests; the name of the one it mirrors stands before the colon.
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { alive } from "../rig/alive.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { pidOf, serveSite, webConfig, writeSite } from "./site.js";

test("started on the first request, and concurrent first requests are held under one start", async (t) => {
  const site = await serveSite(t);
  equal(site.count("backend-starting"), 0);
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(site.url)));
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  equal(new Set(answers.map(pidOf)).size, 1);
  equal(site.count("backend-starting"), 1);
});

test("RecycleApplicationAfterBackendProcessBeingKilled: each killed process is followed by a new one", async (t) => {
  const site = await serveSite(t);
  const seen = new Set<number>();
  for (let n = 1; n <= 3; n += 1) {
    const pid = pidOf(await fetch(site.url));
    seen.add(pid);
    process.kill(pid, "SIGKILL");
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

test("RequestsWhileRestartingAppFromConfigChangeAreProcessed, RequestsWhileRecyclingAppAreProcessed: 2,000 requests over both are all answered with 200", async (t) => {
  const children = "><recycleOnFileChange><file path='restart.txt'/></recycleOnFileChange>";
  const site = await serveSite(t, { attributes: children });
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
  for (let n = 1; n <= 4; n += 1) {
    await site.nth("backend-ready", n);
    if (n % 2 === 0) await writeFile(join(site.layout.root, "restart.txt"), String(n));
    else await writeSite(site.layout, `arguments="${n}"${children}`);
    await site.nth("backend-exited", n);
  }
  await Promise.all(clients);
  equal(statuses.length, 2_000);
  deepEqual(new Set(statuses), new Set([200]));
});

test("ConfigurationChangeCanBeIgnoredOutOfProcess: a touched web.config is a new process, unless web.config says otherwise", async (t) => {
  const stays =
    '><handlerSettings><handlerSetting name="disallowRotationOnConfigChange" value="true"/></handlerSettings>';
  for (const [attributes, event] of [
    ["", "backend-exited"],
    [stays, "config-change-ignored"],
  ] as const) {
    const site = await serveSite(t, { section: "aspNetCore", attributes });
    const before = pidOf(await fetch(site.url));
    await utimes(site.layout.webConfig, new Date(), new Date());
    await site.nth(event, 1);
    equal(pidOf(await fetch(site.url)) === before, attributes === stays);
  }
});

test("forwardWindowsAuthToken: that it has no effect is said at the start", async (t) => {
  const site = await serveSite(t, { attributes: 'forwardWindowsAuthToken="true"' });
  equal(site.count("setting-without-effect"), 1);
  equal(
    (await serveSite(t, { attributes: 'forwardWindowsAuthToken="false"' })).count("setting-without-effect"),
    0,
  );
});

test("a web.config that becomes malformed, or goes, takes nothing down: that is said, and mending it is a swap", async (t) => {
  const site = await serveSite(t);
  const before = pidOf(await fetch(site.url));
  await writeFile(site.layout.webConfig, webConfig('processPath=".\\launch.cmd" startupTimeLimit="soon"'));
  const refused = await site.nth("config-refused", 1);
  match(
    refused.type === "config-refused" ? refused.problem : "",
    /web\.config:4:\d+: startupTimeLimit="soon" is not a whole number/,
  );
  equal(pidOf(await fetch(site.url)), before);
  await rm(site.layout.webConfig);
  await site.nth("config-refused", 2);
  equal(pidOf(await fetch(site.url)), before);
  await writeFile(site.layout.appOffline, "away");
  await until("the site is offline", async () => (await fetch(site.url)).status === 503);
  await rm(site.layout.appOffline);
  await until("the site is back", async () => (await fetch(site.url)).status === 200);
  const again = pidOf(await fetch(site.url));
  await writeSite(site.layout);
  await until("the mended one is taken", async () => pidOf(await fetch(site.url)) !== again);
});

test("--strict-iis: a web.config that becomes malformed is answered with 500.19 and its place, and mending it brings the site back", async (t) => {
  const site = await serveSite(t, { strict: true });
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
    // Long enough for a shell to start on a loaded machine.
    attributes: 'startupTimeLimit="3" startupRetryCount="2"',
    program: 'echo "still thinking"; sleep 100 & echo $! >> pids; wait',
  });
  const response = await fetch(site.url);
  equal(response.status, 502);
  match(await response.text(), /502\.5[\s\S]*did not listen on port \d+ within 3 s[\s\S]*still thinking/);
  equal(site.count("backend-start-failed"), 2);
  const pids = (await readFile(join(site.layout.root, "pids"), "utf8")).trim().split("\n");
  equal(pids.length, 2);
  for (const pid of pids) await until(`${pid} has ended`, () => !alive(Number(pid)));
});

test("a process that the system refuses to start, such as for too large an environment, is a 502.5 and no more", async (t) => {
  const value = "x".repeat(200_000);
  const site = await serveSite(t, {
    attributes: `startupRetryCount="1"><environmentVariables><environmentVariable name="A" value="${value}"/></environmentVariables>`,
  });
  match(await (await fetch(site.url)).text(), /502\.5[\s\S]*cannot be started: .*E2BIG/);
});

test("CaptureLogsForOutOfProcessWhenProcessFailsToStart30KbMax: the page shows the end of a long output", async (t) => {
  const site = await serveSite(t, {
    attributes: 'startupRetryCount="1"',
    program: "seq -f line-%.0f 1 20000; exit 3",
  });
  const page = await (await fetch(site.url)).text();
  match(page, /ended with code 3[\s\S]*line-19999\nline-20000</);
  ok(page.length < 40_000);
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
      process.kill(pidOf(response), "SIGKILL");
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
  // Long enough for the answers that are to come on a loaded machine.
  const site = await serveSite(t, { attributes: 'requestTimeout="00:00:04"' });
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
    const [name] = await readdir(folder).catch(() => []);
    if (name === undefined) return false; // It is made with the first line, which nobody waits for.
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
