import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InplaceError } from "#src/errors.js";
import { isMapped } from "#src/platform/web-config/mappings.js";
import { parseWebConfig, type PlatformConfig } from "#src/platform/web-config/read.js";

const FILE = "C:\\site\\web.config";

const parse = (xml: string): PlatformConfig => parseWebConfig(FILE, Buffer.from(xml));
const section = (xml: string): PlatformConfig =>
  parse(`<configuration>\n<system.webServer>\n${xml}\n</system.webServer>\n</configuration>`);

function problem(xml: string): { readonly message: string; readonly hint: string } {
  try {
    section(xml);
  } catch (error) {
    if (error instanceof InplaceError && error.code === "WEB_CONFIG_INVALID") return error;
    throw error;
  }
  throw new Error(`no problem was found in ${xml}`);
}

test("httpPlatform: what is not said has the module's default", () => {
  deepEqual(section('<httpPlatform processPath="app.exe"/>'), {
    file: FILE,
    section: "httpPlatform",
    attributes: ["processPath"],
    places: new Map([["processPath", `${FILE}:3:27`]]),
    processPath: "app.exe",
    arguments: "",
    startupTimeLimitMs: 120_000,
    startupAttempts: 10,
    shutdownTimeLimitMs: 10_000,
    rapidFailsPerMinute: 10,
    requestTimeoutMs: 120_000,
    processesPerApplication: 1,
    stdoutLogEnabled: false,
    stdoutLogFile: ".\\httpplatform-stdout",
    environment: [],
    recycleOnFileChange: [],
    keepsProcesses: false,
    mappings: [],
    answerFields: "",
    maxContentLength: undefined,
    withoutEffect: [],
  });
});

test("httpPlatform: every attribute, and names without regard to case", () => {
  const config = section(
    `<HTTPPLATFORM ProcessPath="%HOME%\\node.exe" ARGUMENTS="app.js &quot;a b&quot;" startuptimelimit="0" startupRetryCount="3"
      rapidFailsPerMinute="100" requestTimeout="1.02:03:04" processesPerApplication="100" stdoutLogEnabled="TRUE"
      stdoutLogFile="\\\\?\\%home%\\LogFiles\\out" forwardWindowsAuthToken="false">
      <!-- a comment -->
      <environmentVariables><environmentVariable name="A" value="1"/><environmentVariable name="EMPTY"/></environmentVariables>
      <recycleOnFileChange><file path=".\\a.txt"/><file path="b.txt"/></recycleOnFileChange>
    </HTTPPLATFORM>`,
  );
  equal(config.processPath, "%HOME%\\node.exe");
  equal(config.arguments, 'app.js "a b"');
  equal(config.startupTimeLimitMs, 0);
  equal(config.startupAttempts, 3);
  equal(config.rapidFailsPerMinute, 100);
  equal(config.requestTimeoutMs, ((26 * 60 + 3) * 60 + 4) * 1000);
  equal(config.processesPerApplication, 100);
  equal(config.stdoutLogEnabled, true);
  deepEqual(config.environment, [
    ["A", "1"],
    ["EMPTY", ""],
  ]);
  deepEqual(config.recycleOnFileChange, [".\\a.txt", "b.txt"]);
});

test("aspNetCore out of process says the same things by its own names", () => {
  const config = section(
    '<aspNetCore processPath="dotnet" arguments="app.dll" shutdownTimeLimit="600" hostingModel="OutOfProcess" lockAttributes="hostingModel" ' +
      'disableStartUpErrorPage="true"><handlerSettings/></aspNetCore>',
  );
  equal(config.section, "aspNetCore");
  equal(config.shutdownTimeLimitMs, 600_000);
  equal(config.startupAttempts, 2);
  equal(config.stdoutLogFile, ".\\aspnetcore-stdout");
  const [inside] = section('<aspNetCore processPath="x" hostingModel="InProcess"/>').withoutEffect;
  equal(inside?.setting, 'hostingModel="inprocess"');
  match(problem('<aspNetCore processPath="x" hostingModel="outside"/>').message, /hostingModel="outside"/);
});

test("of two sections the one counts that <handlers> gives requests to", () => {
  const both = '<httpPlatform processPath="a"/><aspNetCore processPath="b"/>';
  const by = (module: string): string =>
    section(`<handlers><add name="x" path="*" verb="*" modules="${module}"/></handlers>${both}`).processPath;
  deepEqual([by("httpPlatformHandler"), by("AspNetCoreModuleV2")], ["a", "b"]);
});

test("<remove/> and <clear/> take back what stands before them", () => {
  const config = section(
    '<httpPlatform processPath="x"><environmentVariables><environmentVariable name="A" value="1"/><clear/>' +
      '<environmentVariable name="B" value="2"/><environmentVariable name="C" value="3"/><remove name="b"/>' +
      '<environmentVariable name="c" value="4"/></environmentVariables></httpPlatform>',
  );
  deepEqual(config.environment, [["c", "4"]]);
});

test("a <location> that means the whole site counts, another one does not", () => {
  const inside = (path: string): string =>
    `<configuration><location ${path}><system.webServer><httpPlatform processPath="x"/></system.webServer></location></configuration>`;
  for (const path of ["", 'path=""', 'path="."', 'path="." inheritInChildApplications="false"']) {
    equal(parse(inside(path)).processPath, "x");
  }
  throws(() => parse(inside('path="admin"')), /no <httpPlatform> or <aspNetCore>/);
});

const INVALID: readonly (readonly [xml: string, message: RegExp])[] = [
  [
    '<httpPlatform processPath="x" startupTimeLimit="3601"/>',
    /:3:48: startupTimeLimit="3601" is not a whole number from 0 to 3600$/,
  ],
  [
    '<httpPlatform processPath="x"\n  startupRetryCount="-1"/>',
    /:4:21: startupRetryCount="-1" is not a whole number from 0 to 100$/,
  ],
  [
    '<httpPlatform processPath="x" processesPerApplication="0"/>',
    /processesPerApplication="0" is not a whole number from 1 to 100$/,
  ],
  ['<httpPlatform processPath="x" rapidFailsPerMinute="ten"/>', /rapidFailsPerMinute="ten"/],
  [
    '<httpPlatform processPath="x" requestTimeout="120"/>',
    /requestTimeout="120" is not a time from 00:00:00 to 30.00:00:00$/,
  ],
  ['<httpPlatform processPath="x" requestTimeout="31.00:00:00"/>', /requestTimeout/],
  [
    '<httpPlatform processPath="x" stdoutLogEnabled="yes"/>',
    /stdoutLogEnabled="yes" is neither true nor false$/,
  ],
  ["<httpPlatform/>", /:3:1: <httpPlatform> needs a processPath$/],
  ['<httpPlatform processPath=" "/>', /needs a processPath/],
  [
    '<httpPlatform processPath="x"/><aspNetCore processPath="y"/>',
    /<aspNetCore> is a second process section/,
  ],
  [
    '<httpPlatform processPath="x"><environmentVariables><environmentVariable value="1"/></environmentVariables></httpPlatform>',
    /needs a non-empty name/,
  ],
  [
    '<httpPlatform processPath="x"><somethingElse/></httpPlatform>',
    /unrecognized element <somethingElse> in <httpPlatform>/,
  ],
  ['<httpPlatform processPath="x">', /:3:\d+: <\/system\.webServer> where <httpPlatform> is still open$/],
  ['<httpPlatform processPath="x"', /:\d+:\d+: /],
  ['<httpPlatform processPath="x" processPath="y"/>', /:3:1: Attribute processPath redefined$/],
  ["<httpPlatform processPath=x/>", /:\d+:\d+: /],
  ['<httpPlatform processPath="x"></httpPlatfrom>', /:\d+:\d+: /],
];

test("what is wrong is named with file, line and column, the attribute and its range", () => {
  for (const [xml, message] of INVALID) {
    const found = problem(xml).message;
    match(found, message);
    match(found, /^C:\\site\\web\.config:\d+:\d+: /);
  }
});

test("what is no XML is said in its own words, once", () => {
  for (const [xml, message] of [
    ["<configuration>\n<system.webServer>", "2:1: <system.webServer> is not closed"],
    ["<configuration>", "1:1: <configuration> is not closed"],
    ["", "1:1: there is no element"],
    ["not a word of XML", "1:1: there is no element"],
    ["<configuration/><configuration/>", "1:17: Only one element can be added and only after doctype"],
    ['<configuration a="1></configuration>', "1:1: attribute value no end '\"' match"],
  ] as const) {
    throws(() => parse(xml), { code: "WEB_CONFIG_INVALID", message: `${FILE}:${message}` }, xml);
  }
});

test("the text is read by the encoding that the file declares, or that its first bytes tell", () => {
  const xml = (label: string): string =>
    `<?xml version="1.0" encoding="${label}"?>\r\n<configuration><system.webServer><httpPlatform processPath="x" arguments="é ß"/></system.webServer></configuration>`;
  const mark = "\ufeff";
  for (const bytes of [
    Buffer.from(xml("windows-1252"), "latin1"),
    Buffer.from(xml("ISO-8859-1"), "latin1"),
    Buffer.from(xml("us-ascii"), "latin1"),
    Buffer.from(xml("UTF-8")),
    Buffer.from(mark + xml("utf-8")),
    Buffer.from(mark + xml("windows-1252")),
    Buffer.from(xml("utf-16")),
    Buffer.from(mark + xml("utf-16"), "utf16le"),
    Buffer.from(`${xml("utf-8")}\r\n\u001a`),
    Buffer.from(`${xml("windows-1252")}\u001a`, "latin1"),
  ])
    equal(parseWebConfig(FILE, bytes).arguments, "é ß", bytes.toString("latin1", 0, 50));
  throws(() => parse(xml("klingon")), {
    code: "WEB_CONFIG_INVALID",
    message: `${FILE}:1:1: encoding="klingon" is not known`,
  });
});

test("an unknown attribute is what IIS answers with 500.19, and the nearest known one is named", () => {
  const { message, hint } = problem('<httpPlatform processPath="x" startupTimeLimt="5"/>');
  match(message, /:3:47: unrecognized attribute "startupTimeLimt" of <httpPlatform>$/);
  match(hint, /500\.19.*Did you mean startupTimeLimit\?/);
  for (const [written, meant] of [
    ["REQUESTTIMEOUTS", "requestTimeout"],
    ["stdoutLogPath", "stdoutLogFile"],
    ["xdt:Transform"],
    ["workingDirectory"],
    ["port"],
  ] as const) {
    const [, named] = /Did you mean (\w+)\?/.exec(problem(`<httpPlatform ${written}="x"/>`).hint) ?? [];
    equal(named, meant, written);
  }
});

test("<handlers> says which requests are for the module", () => {
  const { mappings } = section(
    '<handlers><clear/><add name="static" path="*.css" verb="*" modules="StaticFileModule"/>' +
      '<add name="api" path="/api/*" verb="GET, post" modules="httpPlatformHandler"/>' +
      '<add name="page" path="*.aspx" verb="*" modules="httpPlatformHandlerV2"/></handlers><httpPlatform processPath="x"/>',
  );
  equal(isMapped(mappings, "GET", "/api/x"), true);
  equal(isMapped(mappings, "POST", "/API/x"), true);
  equal(isMapped(mappings, "DELETE", "/api/x"), false);
  equal(isMapped(mappings, "GET", "/site.css"), false);
  equal(isMapped(mappings, "DELETE", "/deep/page.ASPX"), true);
  equal(isMapped(mappings, "GET", "/page.aspx.txt"), false);
  equal(isMapped([], "GET", "/anything"), true);
});

test("paths of handlers: a star is any text, and none of them costs more than its stars times the path", () => {
  const mapped = (pattern: string, path: string): boolean =>
    isMapped([{ path: pattern, verbs: [] }], "GET", path);
  const asExpression = (pattern: string): RegExp =>
    new RegExp(
      `${pattern.startsWith("/") ? "^" : "(^|/)"}${pattern.replaceAll(".", "[.]").replaceAll("*", ".*")}$`,
    );
  const text = fc.stringMatching(/^[ab/.]{0,8}$/);
  fc.assert(
    fc.property(fc.stringMatching(/^[ab/.*]{1,6}$/), text, (pattern, path) => {
      equal(mapped(pattern, path), asExpression(pattern).test(path), `${pattern} for ${path}`);
    }),
    { numRuns: 20_000 },
  );
  equal(mapped("*.aspx", "/a\nb.aspx"), true);
  const before = process.cpuUsage();
  equal(mapped(`/${"*a".repeat(10)}b`, `/${"a".repeat(10_000)}`), false);
  ok(process.cpuUsage(before).user < 1_000_000);
});
