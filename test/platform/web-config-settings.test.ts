import { deepEqual, equal, match, throws } from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { parseWebConfig, type PlatformConfig } from "#src/platform/web-config/read.js";
import { until } from "../rig/until.js";
import { fetch } from "./fetch.js";
import { serveSite, webConfig } from "./site.js";

const parse = (content: string): PlatformConfig =>
  parseWebConfig("/srv/web.config", Buffer.from(`<configuration>\n${content}\n</configuration>`));
const HANDLERS = `<handlers accessPolicy="Read, Script"><remove name="httpPlatformHandler"/><add name="httpPlatformHandler" path="*"
  verb="*" modules="httpPlatformHandler" resourceType="Unspecified" requireAccess="Script" preCondition="integratedMode"/></handlers>`;
const server = (content: string, section = '<httpPlatform processPath="node"/>'): PlatformConfig =>
  parse(`<system.webServer>${HANDLERS}${section}\n${content}</system.webServer>`);

const rule = (name: string): string =>
  `<rule name="${name}" enabled="${name !== "off"}"><match url=".*"/><action type="Rewrite" url="/"/></rule>`;

/** As people's files have them: the sections, and what of each has no effect here. */
const FILES: readonly (readonly [content: string, ...without: string[]])[] = [
  // Nothing to say: other systems of IIS, or what is done here anyway.
  ["<!-- a -->"],
  [
    '<modules runAllManagedModulesForAllRequests="true"><remove name="WebDAVModule"/></modules><validation validateIntegratedModeConfiguration="false"/>',
  ],
  [
    '<httpErrors existingResponse="PassThrough"/><iisnode watchedFiles="*.js"/><directoryBrowse enabled="false"/>',
  ],
  [
    '<defaultDocument><files><clear/><add value="index.html"/></files></defaultDocument><tracing><traceFailedRequests/></tracing>',
  ],
  ['<httpProtocol><customHeaders><remove name="X-Powered-By"/><clear/></customHeaders></httpProtocol>'],
  [
    '<security><requestFiltering removeServerHeader="true"><hiddenSegments><remove segment="bin"/></hiddenSegments><fileExtensions><clear/></fileExtensions></requestFiltering></security>',
  ],
  [
    '<httpRedirect enabled="false" destination="/x"/><urlCompression doDynamicCompression="false"/><webSocket enabled="true"/>',
  ],
  [
    '<security><requestFiltering><verbs><add verb="PUT" allowed="true"/></verbs></requestFiltering></security>',
  ],
  // Off, or empty.
  [`<rewrite><rules>${rule("off")}</rules></rewrite><httpCompression/><caching enabled="FALSE"/>`],
  [
    '<rewrite><rewriteMaps><rewriteMap name="m"/></rewriteMaps><rules><clear/><rule name="a"><match url="^api"/><action type="None"/></rule><rule name="b"/></rules><outboundRules/></rewrite>',
  ],
  ["<rewrite/><cors enabled='false'><add origin='*'/></cors><httpErrors/><staticContent></staticContent>"],
  [
    '<staticContent><remove fileExtension=".x"/></staticContent><httpErrors><clear/></httpErrors><applicationInitialization/>',
  ],
  [
    '<security><authentication><anonymousAuthentication userName=""/><basicAuthentication realm="x"/><windowsAuthentication enabled="false"><providers><clear/></providers></windowsAuthentication></authentication><access sslFlags="None"/><authorization/></security>',
  ],
  ["<httpProtocol><redirectHeaders><clear/></redirectHeaders><customHeaders/></httpProtocol>"],
  // What would change requests or answers.
  [
    '<security><authentication><anonymousAuthentication enabled="false"/></authentication><access sslFlags="Ssl"/></security>',
    "<authentication>",
    "<access>",
  ],
  [
    '<rewrite><rules><rule name="HTTP to HTTPS"><match url="(.*)"/><action type="Redirect" url="https://{HTTP_HOST}/{R:1}"/></rule></rules></rewrite>',
    "<rewrite> (HTTP to HTTPS)",
  ],
  [
    `<rewrite><rules><clear/>${["a", "off", "b", "c"].map(rule).join("")}</rules><outboundRules>${rule("d")}</outboundRules></rewrite>`,
    "<rewrite> (a, b, c, and 1 more)",
  ],
  ['<webSocket enabled="false"/>', "<webSocket>"],
  [
    '<staticContent><mimeMap fileExtension=".webp" mimeType="image/webp"/></staticContent>',
    "<staticContent>",
  ],
  ['<httpErrors errorMode="Custom"><error statusCode="404" path="/404.html"/></httpErrors>', "<httpErrors>"],
  [
    '<urlCompression doStaticCompression="true"/><httpCompression directory="x"/>',
    "<urlCompression>",
    "<httpCompression>",
  ],
  ['<httpRedirect enabled="true" destination="https://x.example"/>', "<httpRedirect>"],
  ['<httpProtocol allowKeepAlive="false"/>', '<httpProtocol allowKeepAlive="false">'],
  [
    '<httpProtocol><customHeaders><add name="Connection" value="close"/></customHeaders></httpProtocol>',
    '<add name="Connection">',
  ],
  [
    '<httpProtocol><customHeaders><add name="X A" value="1"/><add name="X-Ü" value="1"/><add name="X:" value="1"/><add name="X-D" value="&#127;"/><add name="X-U" value="ü €"/></customHeaders></httpProtocol>',
    '<add name="X A">',
    '<add name="X-Ü">',
    '<add name="X:">',
    '<add name="X-D">',
  ],
  [
    '<security><requestFiltering><verbs allowUnlisted="false"><add verb="GET" allowed="true"/></verbs></requestFiltering></security>',
    "<verbs>",
  ],
  [
    '<security><authentication><windowsAuthentication enabled="true"/></authentication><requestFiltering><requestLimits maxUrl="1000"/><fileExtensions><add fileExtension=".x" allowed="false"/></fileExtensions></requestFiltering></security>',
    "<authentication>",
    "<requestLimits maxUrl>",
    "<fileExtensions>",
  ],
  ["<rewriite/>", "<rewriite>"],
  [
    '<applicationInitialization doAppInitAfterRestart="true"/><cors enabled="true"/>',
    "<applicationInitialization>",
    "<cors>",
  ],
];

test("what IIS takes is taken, and what has no effect here is named with its line", () => {
  for (const [content, ...without] of FILES) {
    const found = server(content).withoutEffect;
    deepEqual(
      found.map(({ setting }) => setting),
      without,
      content,
    );
    for (const { place } of found) match(place, /^\/srv\/web\.config:4:\d+$/);
  }
  match(server("<rewriite/>").withoutEffect[0]?.why ?? "", /may mean rewrite/);
});

test("sections of others, and settings for a part of the site, keep no site from being served", () => {
  const whole = `<location path="." inheritInChildApplications="false"><system.webServer>${HANDLERS}
    <aspNetCore processPath="dotnet" arguments=".\\Shop.dll" hostingModel="OutOfProcess" stdoutLogEnabled="false"/></system.webServer></location>`;
  const { processPath, withoutEffect } = parse(
    `<configSections><section name="x" type="X"/></configSections><appSettings><add key="A" value="B"/></appSettings>
     <connectionStrings/><system.web><httpRuntime targetFramework="4.8" maxRequestLength="1"/></system.web><runtime/>
     ${whole}<location path="admin"><system.webServer><security><access sslFlags="Ssl"/></security></system.webServer></location>
     <location path="files"><system.webServer><security/></system.webServer></location>`,
  );
  equal(processPath, "dotnet");
  deepEqual(
    withoutEffect.map(({ setting }) => setting),
    ['<location path="admin">'],
  );
});

test("a file for another handler, or with a misspelled section, says what to do", () => {
  const problem = (content: string): { message: string; hint: string } => {
    let found: unknown;
    throws(
      () => parse(content),
      (error) => ((found = error), true),
    );
    return found as { message: string; hint: string };
  };
  for (const [content, message, hint] of [
    [
      '<system.webServer><handlers><add name="iisnode" path="server.js" verb="*" modules="iisnode"/></handlers></system.webServer>',
      /:2:\d+: there is no <httpPlatform> or <aspNetCore> in <system\.webServer>: it is for iisnode$/,
      /init --force writes one .* web\.config\.before-inplace/,
    ],
    [
      '<system.webServer>\n<handlers><add name="php" path="*.php" verb="*" modules="FastCgiModule"/></handlers></system.webServer>',
      /:3:\d+: there is no .* it is for FastCgiModule$/,
      /init --force/,
    ],
    [
      "<system.web/>",
      /:1:1: there is no <httpPlatform> or <aspNetCore> in <system\.webServer>$/,
      /init --force/,
    ],
    [
      '<system.webServer><httpPlatfrom processPath="x"/></system.webServer>',
      /:2:\d+: unrecognized element <httpPlatfrom>$/,
      /Did you mean <httpPlatform>/,
    ],
    [
      '<system.webServer><httpPlatform processPath="x"/><security><requestFiltering><requestLimits maxAllowedContentLength="30MB"/></requestFiltering></security></system.webServer>',
      /maxAllowedContentLength="30MB" is not a whole number from 0 to 4294967295$/,
      /./,
    ],
    [
      '<system.webServer><httpPlatform processPath="x"/><httpProtocol><customHeaders><add name="X" value="1&#13;&#10;Y: 2"/></customHeaders></httpProtocol></system.webServer>',
      /:2:\d+: the value of <add name="X"> has a line break, which no field of an answer can have$/,
      /./,
    ],
  ] as const) {
    const found = problem(content);
    match(found.message, message);
    match(found.hint, hint);
  }
});

test("customHeaders are in every answer and maxAllowedContentLength bounds requests; what has no effect is said once, in each mode", async (t) => {
  const sections = `</httpPlatform><httpProtocol><customHeaders><clear/><add name="X-Frame-Options" value="DENY"/><add name="X-U" value="ü €"/><add name="X-Ü" value="1"/>
    <add name="X-Old" value="1"/><remove name="x-old"/></customHeaders></httpProtocol><webSocket enabled="false"/>
    <security><requestFiltering><requestLimits maxAllowedContentLength="1000"/></requestFiltering></security`;
  for (const strict of [false, true]) {
    const site = await serveSite(t, { strict, offline: "away" });
    equal((await fetch(site.url)).headers.get("x-frame-options"), null);
    const text = webConfig('processPath=".\\launch.cmd">').replace("</httpPlatform>", `${sections}>`);
    await writeFile(site.layout.webConfig, text);
    const offline = await until("the changed one is taken", async () => {
      const response = await fetch(site.url);
      return response.headers.get("x-frame-options") !== null && response;
    });
    equal(offline.status, 503);
    equal(Buffer.from(offline.headers.get("x-u") ?? "", "latin1").toString(), "ü €");
    await rm(site.layout.appOffline);
    const answer = await until("the site is up", async () => {
      const response = await fetch(site.url);
      return response.status === 200 && response;
    });
    equal(answer.headers.get("x-frame-options"), "DENY");
    equal(answer.headers.get("x-old"), null);
    equal(Buffer.from(answer.headers.get("x-u") ?? "", "latin1").toString(), "ü €");
    const post = (bytes: number): Promise<Response> =>
      fetch(site.url, { method: "POST", body: "x".repeat(bytes) });
    equal((await post(1000)).status, 200);
    const refused = await post(1001);
    equal(refused.status, 404);
    match(await refused.text(), /404\.13[\s\S]*1000 bytes/);
    equal(site.count("setting-without-effect"), 2);
  }
});
