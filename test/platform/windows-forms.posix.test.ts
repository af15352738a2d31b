import { deepEqual, equal, match } from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { applicationEnvironment } from "#src/platform/application-environment.js";
import { launchOf } from "#src/platform/launch.js";
import { localPath } from "#src/process/windows-path.js";
import { siteLayout } from "#src/site/layout.js";
import { until } from "../rig/until.js";
import { BACKEND, serveSite, webConfig } from "./site.js";
import { fetch } from "./fetch.js";
import { configOf, home } from "./windows-home.js";

test("every path of web.config is found here as Windows finds it: in processPath and in arguments", async (t) => {
  const { root, env } = await home(t);
  const sh = (path: string, ...args: string[]): string[] => ["/bin/sh", join(root, path), ...args];
  const java = join(env["JAVA_HOME"] ?? "", "bin", "java");
  const forms: readonly (readonly [content: string, command: readonly string[]])[] = [
    ['processPath="java" arguments=".\\server\\index.mjs"', ["java", "./server/index.mjs"]],
    ['processPath="java.exe" arguments="server\\index.mjs"', ["java", "server/index.mjs"]],
    ['processPath="%JAVA_HOME%\\bin\\java.exe"', [java]],
    ['processPath="%java_home%/bin/java"', [java]],
    [`processPath="\\\\?\\%JAVA_HOME%\\bin\\java.exe"`, [java]],
    [`processPath="&quot;%JAVA_HOME%\\bin\\java.exe&quot;"`, [java]],
    ['processPath="java.cmd" arguments="start"', ["java", "start"]],
    ['processPath=".\\launch.cmd"', sh("launch.sh")],
    ['processPath="launch.cmd"', sh("launch.sh")],
    ['processPath="&quot;.\\my app\\run.bat&quot;"', sh("my app/run.sh")],
    ['processPath=".\\my app\\RUN.CMD"', sh("my app/run.sh")],
    ['processPath="%HOME%\\site\\wwwroot\\bin\\start.bat"', sh("Bin/Start.sh")],
    ['processPath="TOOLS\\tool.exe"', [join(root, "tools/tool")]],
    [
      'processPath="java" arguments="-Dport=%HTTP_PLATFORM_PORT% -jar &quot;%HOME%\\site\\wwwroot\\app&quot;"',
      ["java", "-Dport=81", "-jar", join(root, "app")],
    ],
    [
      'processPath="java" arguments="--config=.\\conf\\app.json --log &quot;.\\my logs\\x.log&quot; -c CONF\\APP.JSON"',
      ["java", "--config=./conf/app.json", "--log", "./my logs/x.log", "-c", join(root, "conf/app.json")],
    ],
    // What is not there yet, in a folder that is.
    [
      'processPath="java" arguments="--log-config conf\\log.ini &quot;--out=CONF\\my out.txt&quot; -o tools\\new\\x gone\\x conf\\d+ gone\\"',
      [
        "java",
        "--log-config",
        "conf/log.ini",
        `--out=${join(root, "conf/my out.txt")}`,
        "-o",
        "tools\\new\\x",
        "gone\\x",
        "conf\\d+",
        "gone\\",
      ],
    ],
    // What is no path stays as it is.
    [
      'processPath="java" arguments="DOMAIN\\user \\d+\\.js .\\d+ a\\nb C:\\x \\\\server\\share --re=^\\w$ /a\\.b/"',
      [
        "java",
        "DOMAIN\\user",
        "\\d+\\.js",
        ".\\d+",
        "a\\nb",
        "C:\\x",
        "\\\\server\\share",
        "--re=^\\w$",
        "/a\\.b/",
      ],
    ],
  ];
  for (const [content, command] of forms) {
    const launch = launchOf(configOf(root, content), siteLayout(root), {
      strict: false,
      env,
      events: () => undefined,
      basePath: "/",
      onOutput: undefined,
    });
    const { call } = launch.child(81, "token");
    deepEqual([call.file, ...call.args], command, content);
  }
});

test("paths of log files and of what is watched: relative ones count from the site, drives and shares are not here", async (t) => {
  const { root, env } = await home(t);
  const HOME = env["HOME"] ?? "";
  for (const [written, path] of [
    [".\\logs\\x", join(root, "logs/x")],
    ["logs\\x.log", join(root, "logs/x.log")],
    ["..\\..\\LogFiles\\stdout", join(HOME, "LogFiles/stdout")],
    [`\\\\?\\${HOME}\\LogFiles\\stdout`, join(HOME, "LogFiles/stdout")],
    [`"${HOME}\\LogFiles\\x"`, join(HOME, "LogFiles/x")],
    ["BIN\\x", join(root, "Bin/x")],
  ] as const)
    deepEqual(localPath(written, root, "linux"), { path }, written);
  for (const [written, why] of [
    ["D:\\home\\LogFiles\\x", /drive D:/],
    ["d:x", /drive d:/],
    ["\\\\?\\C:\\x", /drive C:/],
    ["\\\\server\\share\\x", /network/],
    ["\\\\?\\UNC\\server\\share\\x", /network/],
  ] as const)
    match(localPath(written, root, "linux").notHere ?? "", why, written);
  equal(localPath('"C:\\a b\\x"', root, "win32").notHere, undefined);
});

test("variables: paths with this system's slashes, lists with its separator and what can be here, Path as PATH", async (t) => {
  const { root, env } = await home(t);
  const variables = [
    ["PYTHONPATH", "%HOME%\\site\\wwwroot;D:\\lib;.\\server"],
    ["Path", "%PATH%;C:\\tools"],
    ["CONF", ".\\conf\\app.json"],
    ["PATTERN", "a;b\\d+"],
  ].map(([name, value]) => `<environmentVariable name="${name}" value="${value}"/>`);
  const config = configOf(
    root,
    `processPath="java"><environmentVariables>${variables.join("")}</environmentVariables>`,
  );
  const { PYTHONPATH, PATH, Path, CONF, PATTERN } = applicationEnvironment(config, env, root);
  deepEqual(
    { PYTHONPATH, PATH, Path, CONF, PATTERN },
    {
      PYTHONPATH: `${root}:./server`,
      PATH: env["PATH"],
      Path: undefined,
      CONF: "./conf/app.json",
      PATTERN: "a;b\\d+",
    },
  );
});

test("a launcher for another shell, then Nitro's own web.config for IIS, are served, with its log where it says, and a program that cannot be here says why", async (t) => {
  const bash = `#!/usr/bin/env bash\nrun=("${process.execPath}" "${BACKEND}")\nexec "\${run[@]}" "$@"`;
  const site = await serveSite(t, { program: bash });
  equal((await fetch(site.url)).status, 200);
  await mkdir(join(site.layout.root, "server"));
  await writeFile(
    join(site.layout.root, "server", "index.mjs"),
    `console.log("up"); await import(${JSON.stringify(BACKEND)})`,
  );
  await writeFile(
    site.layout.webConfig,
    webConfig(
      'processPath="node.exe" arguments=".\\server\\index.mjs" stdoutLogEnabled="true" stdoutLogFile="logs\\out"',
    ),
  );
  equal((await fetch(site.url)).status, 200);
  await until("the output is logged", async () =>
    (await readdir(join(site.layout.root, "logs")).catch(() => [])).some((name) => name.startsWith("out_")),
  );
  await writeFile(site.layout.webConfig, webConfig('processPath="D:\\app\\node.exe"'));
  await site.nth("web-config-problem", 1);
  await site.nth("overlap-failed", 1);
  equal((await fetch(site.url)).status, 200);
  const cold = await serveSite(t, { offline: "away" });
  await writeFile(cold.layout.webConfig, webConfig('processPath="D:\\app\\node.exe"'));
  await cold.nth("web-config-problem", 1);
  await rm(cold.layout.appOffline);
  const page = await until("it is tried", async () => {
    const response = await fetch(cold.url);
    return response.status === 502 && response.text();
  });
  equal(cold.count("backend-start-failed"), 1);
  match(page, /502\.5[\s\S]*web\.config:4:\d+: processPath=.*there is no drive D:.*Name the program/);
});
