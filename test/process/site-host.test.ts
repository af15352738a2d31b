import { deepEqual, equal, match } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { normalizeConfig } from "#src/config/config.js";
import { loadConfig } from "#src/config/load.js";
import { haproxyConfig } from "#src/fronts/haproxy/config-file.js";
import { normalizeFront } from "#src/fronts/haproxy/front.js";
import { becomesHealthy } from "#src/fronts/haproxy/health.js";
import { portAnswers } from "#src/process/first-answer.js";
import { OwnPort } from "#src/process/port-owner.js";
import { serverName } from "#src/site-host.js";
import { siteHost } from "#src/site/site-config.js";
import { untilAnswers } from "#src/supervisor/answer.js";
import { handoverOptions } from "#src/supervisor/handover-options.js";
import { checkHealth } from "#src/supervisor/health.js";
import { normalizeSupervise } from "#src/supervisor/options.js";
import { warmUp } from "#src/supervisor/warm-up.js";
import type { PrivatePlace, Worker } from "#src/supervisor/worker.js";
import { TEST_TLS } from "../platform/tls-certificate.js";
import { temporarySite } from "../rig/temporary-site.js";

const NAME = "shop.example";

/** An app that serves one name alone; what it was asked for, and what TLS named. */
async function strictApp(t: TestContext, secure: boolean) {
  const hosts: unknown[] = [];
  const names: string[] = [];
  const answer = (request: Pick<IncomingMessage, "headers">, response: Pick<ServerResponse, "writeHead">) => {
    const host = request.headers.host ?? request.headers[":authority"];
    hosts.push(host);
    (response.writeHead(host === NAME ? 200 : 403) as ServerResponse).end();
  };
  const SNICallback = (name: string, done: (error: null, context: object) => void): void => {
    names.push(name);
    done(null, createSecureContext(TEST_TLS));
  };
  const server: Server = secure
    ? createSecureServer({ ...TEST_TLS, allowHTTP1: true, SNICallback } as object, answer as never)
    : createHttp(answer);
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, hosts, names };
}

const healthOf = (host?: string) => {
  const { health } = normalizeSupervise({ ...(host !== undefined && { host }), health: { path: "/up" } });
  if (health === undefined) throw new Error("there is a health");
  return health;
};

test("every check asks for the site's host, and says which it asked for where an app serves others", async (t) => {
  const { port, hosts } = await strictApp(t, false);
  const place: PrivatePlace = { host: "127.0.0.1", port, protocol: "http" };
  equal(await checkHealth(place, healthOf(NAME)), undefined);
  match(
    (await checkHealth(place, healthOf())) ?? "",
    /^\/up answered 403 \(asked for Host: localhost; "host" in inplace\.config\.json names another\)$/,
  );
  const limit = AbortSignal.timeout(20_000);
  equal(await untilAnswers({} as Worker, place, { host: NAME, httpOnly: false }, limit), undefined);
  equal(await portAnswers(port, new OwnPort(port, { pid: process.pid, mark: "" }), NAME, limit), true);
  const check = { address: "127.0.0.1", port, path: "/up", timeoutMs: 5_000 };
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  equal(await becomesHealthy({ ...check, host: NAME }, 20_000, nothing), undefined);
  match((await becomesHealthy(check, 0, nothing)) ?? "", /403 \(asked for Host: localhost/);
  deepEqual(new Set(hosts), new Set([NAME, "localhost"]));
});

test("over TLS each check names the host, but an address in no way", async (t) => {
  const { port, hosts, names } = await strictApp(t, true);
  const place = (protocol: PrivatePlace["protocol"]): PrivatePlace => ({ host: "127.0.0.1", port, protocol });
  const limit = AbortSignal.timeout(20_000);
  equal(await checkHealth(place("https"), healthOf(NAME)), undefined);
  equal(await untilAnswers({} as Worker, place("https"), { host: NAME, httpOnly: false }, limit), undefined);
  equal(await untilAnswers({} as Worker, place("h2"), { host: NAME, httpOnly: false }, limit), undefined);
  await warmUp(place("https"), NAME);
  deepEqual(new Set(hosts), new Set([NAME]));
  deepEqual(new Set(names), new Set([NAME]));
  equal(serverName("10.0.0.1:8443"), "");
  equal(serverName("shop.example:8443"), NAME);
});

test("one key of the configuration names it for all checks; without it they ask for localhost, HAProxy for the site", async (t) => {
  const layout = await temporarySite(t);
  const front = async () =>
    normalizeFront(layout, "shop", (await loadConfig(layout.root)).haproxy ?? {}).health.host;
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify({ haproxy: {} }));
  deepEqual([siteHost(layout.root), await front()], ["localhost", "shop"]);
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify({ host: NAME, haproxy: {} }));
  deepEqual([siteHost(layout.root), await front()], [NAME, NAME]);
  const { supervise } = await loadConfig(layout.root);
  equal(normalizeSupervise(supervise).host, NAME);
  // As a deploy leaves it to the launchers.
  const written = JSON.stringify(normalizeConfig({ host: NAME }).supervise);
  deepEqual(handoverOptions(written), { config: { host: NAME }, problem: undefined });
  match(handoverOptions('{"host":"a b"}').problem ?? "", /host/);
  const { haproxy = {} } = normalizeConfig({ host: NAME, haproxy: {} });
  match(haproxyConfig(normalizeFront(layout, "shop", haproxy)), /hdr Host shop\.example$/m);
});
