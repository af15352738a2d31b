import { equal, match } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathProblems } from "#src/platform/web-config/path-problems.js";
import { configOf, home } from "./windows-home.js";

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
