import { deepEqual, equal, match } from "node:assert/strict";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { applicationEnvironment } from "#src/platform/application-environment.js";
import { launchOf } from "#src/platform/launch.js";
import { pathProblems } from "#src/platform/web-config/path-problems.js";
import { parseWebConfig, type PlatformConfig } from "#src/platform/web-config/read.js";
import { localPath } from "#src/process/windows-path.js";
import { siteLayout } from "#src/site/layout.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { BACKEND, serveSite, webConfig } from "./site.js";
import { fetch } from "./fetch.js";

const SITE = [
  "launch.cmd",
  "launch.sh",
  "my app/run.sh",
  "server/index.mjs",
  "Bin/Start.sh",
  "tools/tool",
  "conf/app.json",
  "node.js",
];

/** A site with these files, in a home that is named as on App Service. */
async function home(t: TestContext): Promise<{ readonly root: string; readonly env: NodeJS.ProcessEnv }> {
  const HOME = await temporaryFolder(t);
  const root = join(HOME, "site", "wwwroot");
  for (const path of [...SITE.map((name) => join(root, name)), join(HOME, "jdk", "bin", "java")]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    await chmod(path, 0o755);
  }
  return { root, env: { HOME, JAVA_HOME: join(HOME, "jdk"), PATH: join(HOME, "jdk", "bin") } };
}

function configOf(root: string, content: string): PlatformConfig {
  return parseWebConfig(join(root, "web.config"), Buffer.from(webConfig(content)));
}

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

test("what web.config names and is not here is told with its line and a cure", async (t) => {
  const { root, env } = await home(t);
  await writeFile(join(root, "zsh.sh"), "#!/no/such/zsh -e\n");
  await writeFile(join(root, "java.sh"), "#!/opt/java\n");
  const said = (content: string): string[] =>
    pathProblems(configOf(root, content), root, env).map(
      ({ kind, what, cure }) => `${kind}: ${what} ${cure}`,
    );
  const here = `${join(root, "web.config")}:4:`;
  const problems: readonly (readonly [content: string, ...RegExp[]])[] = [
    ['processPath=".\\launch.cmd" arguments="%HTTP_PLATFORM_PORT%" stdoutLogFile="D:\\off"'],
    ['processPath="java.exe" arguments="%20x%20" stdoutLogEnabled="true" stdoutLogFile=".\\logs\\x"'],
    [
      'processPath="C:\\Program Files\\nodejs\\node.exe"',
      /^program: .*:4:31: processPath="C:\\Program Files\\nodejs\\node\.exe": there is no drive C: .* processPath="node"/,
    ],
    ['processPath="\\\\server\\share\\app.exe"', /^program: .*there are no network paths/],
    ['processPath=".\\gone.exe"', /^program: .*there is no .*\/gone\. Correct the path/],
    [
      'processPath=".\\go.cmd"',
      /^program: .*there is no .*\/go\.sh, which is started here in place .* shell script/,
    ],
    [
      'processPath="cmd.exe" arguments="/c npm start"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="CMD"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="%SystemRoot%\\System32\\cmd.exe"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="%windir%\\system32\\inetsrv\\x.exe"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="%ComSpec%"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="C:\\Windows\\System32\\cmd.exe"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="&quot;%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe&quot;"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="powershell" arguments="-File .\\start.ps1"',
      /^program: .*is a part of Windows, and not here\. Let processPath name what it starts, .*launch\.cmd\.$/,
    ],
    [
      'processPath="%ProgramFiles%\\nodejs\\node.exe"',
      /^variable: .*Only Windows sets ProgramFiles\. Name the program without its folder/,
    ],
    [
      'processPath="java" arguments="-jar %LOCALAPPDATA%\\a.jar"',
      /^variable: .*Only Windows sets LOCALAPPDATA: write what is meant here/,
    ],
    [
      'processPath="startup.bat"',
      /^program: .*neither startup\.sh in the site nor startup on the PATH.* Put a shell script of that name .*, install startup, or/,
    ],
    ['processPath="npm.cmd" arguments="start"', /^program: .*nor npm on the PATH.* install npm, or/],
    ['processPath="pwsh.exe"', /^program: .*Install pwsh, or add/],
    [
      'processPath=".\\zsh.cmd"',
      /^program: .*the first line of .*\/zsh\.sh asks for \/no\/such\/zsh, which is not here\. Install zsh, or .*#!\/bin\/sh/,
    ],
    [
      'processPath=".\\java.cmd"',
      /^program: .*the first line of .*\/java\.sh asks for \/opt\/java, .*#!\/usr\/bin\/env java, which finds it/,
    ],
    [
      'processPath="dotnet" arguments=".\\app.dll"',
      /^program: .*there is no dotnet .* on the PATH\. Install dotnet/,
    ],
    [
      'processPath="%GOROOT%\\bin\\go.exe"',
      /^variable: .*:4:31: processPath=.*%GOROOT% is not set, .* Set GOROOT for who starts the site/,
    ],
    [
      'processPath="java" arguments="-jar %NOWHERE%\\a.jar %ASPNETCORE_PORT% %http_platform_port%"',
      /^variable: .*:4:48: arguments=.*%NOWHERE% is not set/,
    ],
    [
      'processPath="%home%\\site\\wwwroot\\bin\\start.bat" arguments="-jar %HOME%\\site\\wwwroot\\server\\index.mjs"',
    ],
    [
      'processPath="%home%\\site\\wwwroot\\gone.exe" arguments="-jar &quot;%HOME%\\site\\wwwroot\\gone.jar&quot;"',
      /^program: .*there is no .*\/gone\. Write \.\\ in place of %HOME%/,
      /^not-here: .*arguments name %HOME%.*gone\.jar, and there is no .*gone\.jar\. Write \.\\ in place/,
    ],
    [
      'processPath="java" arguments="-jar D:\\home\\a.jar --x=&quot;E:\\b c&quot;"',
      /^not-here: .*arguments name D:\\home\\a\.jar, and there is no drive D:/,
      /^not-here: .*arguments name E:\\b c, and/,
    ],
    [
      'processPath="java" stdoutLogEnabled="true" stdoutLogFile="D:\\home\\LogFiles\\x"',
      /^not-here: .*:4:\d+: stdoutLogFile=.*drive D: on this system; nothing is logged\. .*\.\\logs\\stdout/,
    ],
    [
      'processPath="java" stdoutLogEnabled="true" stdoutLogFile="\\\\?\\%home%\\LogFiles\\x"',
      /^log-outside: .*stdoutLogFile=.* is .*\/LogFiles\/x, outside of the site/,
    ],
    [
      'processPath="java"><environmentVariables><environmentVariable name="A" value="%B_C%"/></environmentVariables>',
      /^variable: .*:4:\d+: the variable A="%B_C%": %B_C% is not set/,
    ],
    [
      'processPath="java"><recycleOnFileChange><file path="D:\\x"/></recycleOnFileChange>',
      /^not-here: .*<file path="D:\\x">: there is no drive D:/,
    ],
  ];
  for (const [content, ...expected] of problems) {
    const found = said(content);
    equal(found.length, expected.length, `${content}: ${found.join("\n")}`);
    for (const [index, each] of found.entries()) {
      match(each, expected[index] ?? /^$/);
      equal(each.includes(here), true, each);
    }
  }
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
