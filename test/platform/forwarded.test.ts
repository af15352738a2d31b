import { deepEqual, equal, match, throws } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { trustedProxies } from "#src/platform/proxy/trusted-proxies.js";
import { temporarySite } from "../rig/temporary-site.js";
import { exchangeRaw } from "./raw.js";
import { rawApplication } from "./raw-application.js";
import { serveSite } from "./site.js";

/** What a visitor may say of whom he speaks for, in the spellings of all whom frameworks and CGI believe. */
const CLAIMS = [
  "X-Forwarded-For: 6.6.6.6",
  "X-Forwarded-Host: evil.example",
  "X-Forwarded-Proto: https",
  "x-forwarded-port: 666",
  "X-Forwarded-Prefix: /evil",
  "X-Forwarded-Ssl: on",
  "Forwarded: for=6.6.6.6;host=evil.example;proto=https",
  "X-Real-IP: 6.6.6.6",
  "Client-IP: 6.6.6.6",
  "True-Client-IP: 6.6.6.6",
  "X-Original-URL: /evil",
  "X-Rewrite-URL: /evil",
  "X_Forwarded_For: 6.6.6.6",
  "X_Forwarded-Host: evil.example",
  "X_REAL_IP: 6.6.6.6",
  "MS_ASPNETCORE_TOKEN: evil",
  // PHP takes a dot for an underscore, and others every character that is no letter or digit.
  "X-Forwarded.For: 6.6.6.6",
  "X.Real.IP: 6.6.6.6",
  "X-Forwarded~Host: evil.example",
  "MS.ASPNETCORE.TOKEN: evil",
  "Content.Length: 6",
  "Transfer.Encoding: chunked",
  "CF-Pseudo-IPv4: 6.6.6.6",
  "CF-Connecting-IPv6: ::6",
  "DO-Connecting-IP: 6.6.6.6",
  "Fly-Client-IP: 6.6.6.6",
  "X-AppEngine-User-IP: 6.6.6.6",
  "X-AppEngine-Remote-Addr: 6.6.6.6",
  "WL-Proxy-Client-IP: 6.6.6.6",
  "Proxy-Client-IP: 6.6.6.6",
  "X-Azure-ClientIP: 6.6.6.6",
  "X-Envoy-External-Address: 6.6.6.6",
  "X-Forward-For: 6.6.6.6",
  "X-SSL-Client-Verify: SUCCESS",
  "SSL-Client-S-DN: CN=root",
  "Remote-User: root",
  "X-Remote-User: root",
  "X-HTTPS: on",
  "X-HTTP-Host-Override: evil.example",
  "X-Host: evil.example",
  "Proxy: http://evil.example",
];
const REQUEST = `GET / HTTP/1.1\r\nHost: site\r\nX-Mine: 1\r\n${CLAIMS.join("\r\n")}\r\nConnection: close\r\n\r\n`;

/** The fields that reach an application. */
async function reachedBy(
  t: Parameters<typeof rawApplication>[0],
  options: { trustProxies?: string[]; strict?: boolean },
) {
  let reached = "";
  const { port } = await rawApplication(
    t,
    (text, answer) => {
      reached = text;
      answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    },
    options,
  );
  await exchangeRaw(t, port, REQUEST);
  return reached.split("\r\n").slice(1, -2).sort();
}

const REPLACED = [
  "Host: site",
  "X-Forwarded-For: 127.0.0.1",
  "X-Forwarded-Host: site",
  "X-Forwarded-Proto: http",
  "X-Mine: 1",
];

test("what a visitor says of whom he speaks for is replaced by what is so", async (t) => {
  deepEqual(await reachedBy(t, {}), REPLACED);
  deepEqual(await reachedBy(t, { trustProxies: ["10.0.0.0/8", "::1"] }), REPLACED);
});

test("a proxy that was named is believed and appended to, and so is everybody with --strict-iis, as by IIS", async (t) => {
  for (const options of [
    { trustProxies: ["loopback"] },
    { trustProxies: ["127.0.0.0/30"] },
    { strict: true },
  ]) {
    const reached = (await reachedBy(t, options)).join("\n").replace(/127\.0\.0\.1:\d+/, "127.0.0.1");
    match(reached, /^X-Forwarded-For: 6\.6\.6\.6, 127\.0\.0\.1$/m);
    match(reached, /^X-Forwarded-Host: evil\.example, site$/m);
    match(reached, /^X-Forwarded-Proto: https, http$/m);
    match(reached, /^Forwarded: for=6\.6\.6\.6;/m);
    match(reached, /^x-forwarded-port: 666$/m);
    equal(/_/.test(reached), false, "no other spelling of them");
  }
});

test("addresses, networks and loopback can be named, and nothing else", () => {
  const trusted = trustedProxies(["loopback", "10.0.0.0/8", "192.168.1.7", "fd00::/8"]);
  for (const address of ["127.0.0.1", "::1", "10.200.1.1", "192.168.1.7", "fd12::1", "::ffff:10.1.1.1"])
    equal(trusted.has(address), true, address);
  for (const address of ["11.0.0.1", "192.168.1.8", "fe80::1", "", "unknown"])
    equal(trusted.has(address), false, address);
  for (const name of ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.0/8/8", "::/129", "*"])
    throws(() => trustedProxies([name]), { code: "USAGE" });
});

test("inplace serve refuses a proxy or a rate that it cannot understand, and takes several of the former", async (t) => {
  const { root } = await temporarySite(t);
  const serve = (...options: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ["bin/inplace.js", "serve", "--site-root", root, "--port", "0", ...options], {
      encoding: "utf8",
    });
  for (const [options, named] of [
    [["--trust-proxy", "10.0.0.0/8,localhost"], /--trust-proxy localhost is neither/],
    [["--trust-proxy", "::1", "--trust-proxy", "10.0.0.0/99"], /--trust-proxy 10\.0\.0\.0\/99 is neither/],
    [["--min-rate", "fast"], /--min-rate fast is not a whole number/],
    // All of these are understood: what is missing is the site's own file.
    [["--trust-proxy", "::1,10.0.0.0/8", "--trust-proxy", "loopback", "--min-rate", "0"], /web\.config/],
  ] as const) {
    const { status, stderr } = serve(...options);
    equal(status, 2, stderr);
    match(stderr, named);
  }
});

test("what an application wrote is shown to who asks on this machine, and to nobody who comes through a proxy", async (t) => {
  const program = 'echo "the database is at secret.example"; exit 3';
  const site = await serveSite(t, { program, attributes: 'startupRetryCount="0"' });
  const get = (fields: string): Promise<string> =>
    exchangeRaw(t, site.handler.port, `GET / HTTP/1.1\r\n${fields}\r\nConnection: close\r\n\r\n`);
  for (const host of ["localhost", "127.0.0.1:80", "[::1]:8080", "shop.localhost"])
    match(await get(`Host: ${host}`), / 502 [\s\S]*secret\.example/);
  for (const fields of [
    "Host: shop.example",
    "Host: localhost.example",
    "Host: localhost\r\nX-Forwarded-For: 1.2.3.4",
    "Host: localhost\r\nX-Forwarded-Proto: https",
    "Host: localhost\r\nForwarded: for=1.2.3.4",
    "Host: localhost\r\nVia: 1.1 Caddy",
    "Host: localhost\r\nX-Real-IP: 1.2.3.4",
  ]) {
    const answer = await get(fields);
    match(answer, / 502 /);
    equal(answer.includes("secret"), false, fields);
  }
  // As nginx asks, of which nothing else tells.
  const old = await exchangeRaw(t, site.handler.port, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
  match(old, / 502 /);
  equal(old.includes("secret"), false);
});

test("with details off, what an application wrote is shown to nobody", async (t) => {
  const program = 'echo "the database is at secret.example"; exit 3';
  const site = await serveSite(t, { program, attributes: 'startupRetryCount="0"', details: false });
  const request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const answer = await exchangeRaw(t, site.handler.port, request);
  match(answer, / 502 /);
  equal(answer.includes("secret"), false);
});
