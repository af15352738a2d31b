import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { webConfig, type Ill } from "./harm.js";

/** What can be wrong with web.config, and with what it names. */
export const WEB_CONFIG_ILLS: readonly Ill[] = [
  {
    code: "WEB_CONFIG_UNSOUND",
    how: "there are two that Windows takes for one",
    harm: (s) => writeFile(join(s.root, "Web.config"), "<configuration/>"),
    cure: /^Keep one of them/,
  },
  {
    code: "WEB_CONFIG_UNSOUND",
    how: "it is for another handler",
    harm: (s) =>
      writeFile(
        s.webConfig,
        '<configuration><system.webServer><handlers><add name="x" path="*" verb="*" modules="FastCgiModule"/></handlers></system.webServer></configuration>',
      ),
    cure: /^inplace-deploy init --force writes one/,
  },
  {
    code: "WEB_CONFIG_UNSOUND",
    how: "an attribute is misspelled",
    harm: (s) => webConfig(s, `procesPath="node"`),
    cure: /^IIS would answer 500\.19\. Did you mean processPath\?/,
  },
  { code: "WEB_CONFIG_MISSING", how: "there is no web.config", harm: (s) => rm(s.webConfig) },
  { code: "WEB_CONFIG_UNSOUND", how: "it is no XML", harm: (s) => writeFile(s.webConfig, "<configuration>") },
  { code: "LAUNCHER_MISSING", how: "there is no launcher", harm: (s) => rm(join(s.root, "launch.sh")) },
  {
    code: "LAUNCHER_DETACHES",
    how: "the launcher uses start",
    harm: (s) => writeFile(join(s.root, "launch.cmd"), '@echo off\r\nstart "" node server.js\r\n'),
  },
  {
    code: "LAUNCHER_LINE_ENDS",
    how: "the launcher was saved on Windows",
    harm: async (s) => {
      const file = join(s.root, "launch.sh");
      await writeFile(file, (await readFile(file, "utf8")).replaceAll("\n", "\r\n"));
    },
  },
  {
    code: "PATH_NOT_QUOTED",
    how: "arguments hold a path with a blank",
    harm: async (s) => {
      await writeFile(join(s.root, "my app.js"), "");
      await webConfig(s, `processPath="node" arguments="--enable-source-maps my app.js 80"`);
    },
  },
  {
    code: "PATH_NOT_QUOTED",
    how: "a batch file has a blank in its path",
    harm: async (s) => {
      await writeFile(join(s.root, "my app.cmd"), "");
      await webConfig(s, `processPath=".\\my app.cmd"`);
    },
  },
  {
    code: "PROGRAM_MISSING",
    how: "the program is on another system's disk",
    harm: (s) => webConfig(s, `processPath="D:\\home\\node.exe"`),
    cure: /^Name the program without its folder/,
  },
  {
    code: "PROGRAM_MISSING",
    how: "a batch file has no twin",
    harm: async (s) => {
      await writeFile(join(s.root, "run.cmd"), "");
      await webConfig(s, `processPath=".\\run.cmd"`);
    },
    cure: /^Put a shell script of that name beside/,
  },
  {
    code: "PROGRAM_MISSING",
    how: "the launcher's shell is not here",
    harm: (s) => writeFile(join(s.root, "launch.sh"), "#!/no/such/shell\n"),
    cure: /^Install shell, or let its first line be/,
  },
  {
    code: "VARIABLE_UNSET",
    how: "a variable is not set",
    harm: (s) => webConfig(s, `processPath=".\\launch.cmd" arguments="%NOBODY_SETS_IT%"`),
    cure: /^Set NOBODY_SETS_IT for who starts the site/,
  },
  {
    code: "PATH_NOT_HERE",
    how: "the log is on another system's disk",
    harm: (s) =>
      webConfig(
        s,
        `processPath=".\\launch.cmd" stdoutLogEnabled="true" stdoutLogFile="D:\\home\\LogFiles\\x"`,
      ),
    cure: /^Name a file in the site/,
  },
  {
    code: "SETTING_WITHOUT_EFFECT",
    how: "web.config redirects",
    harm: async (s) => {
      const text = await readFile(s.webConfig, "utf8");
      await writeFile(s.webConfig, text.replace("<handlers>", '<httpRedirect enabled="true"/><handlers>'));
    },
  },
  {
    code: "LOG_OUTSIDE",
    how: "the log lies outside",
    harm: (s) =>
      webConfig(s, `processPath=".\\launch.cmd" stdoutLogEnabled="true" stdoutLogFile="..\\..\\LogFiles\\x"`),
    cure: /^Name a file in the site/,
  },
  {
    code: "RAPID_FAILS_LOW",
    how: "many processes share few fails",
    harm: (s) =>
      webConfig(s, `processPath=".\\launch.cmd" rapidFailsPerMinute="10" processesPerApplication="4"`),
  },
];
