import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { spawnCall, splitArguments } from "#src/process/command.js";
import { mergedEnvironment } from "#src/process/environment.js";

test("an argument line is split by Windows' rules", () => {
  const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
    ["", []],
    ["  a   b\tc ", ["a", "b", "c"]],
    ['"a b" c', ["a b", "c"]],
    ['a"b c"d', ["ab cd"]],
    ['""', [""]],
    ['"a\\"b"', ['a"b']],
    ['"a\\\\" b', ["a\\", "b"]],
    ["C:\\dir\\file", ["C:\\dir\\file"]],
    ["\\\\server\\share", ["\\\\server\\share"]],
    ["it's 'one two'", ["it's", "'one", "two'"]],
  ];
  for (const [line, expected] of cases) deepEqual(splitArguments(line), expected, line);
});

test("a batch file means its .sh twin where there is no cmd.exe", () => {
  deepEqual(spawnCall(".\\launch.cmd", 'a "b c"', "/srv/site", {}, "linux"), {
    file: "/bin/sh",
    args: ["/srv/site/launch.sh", "a", "b c"],
    verbatim: false,
  });
  deepEqual(spawnCall("node", "app.js", "/srv/site", {}, "linux"), {
    file: "node",
    args: ["app.js"],
    verbatim: false,
  });
});

test("a batch file goes through cmd.exe on Windows, quoted, with its arguments as they stand", () => {
  const { file, args, verbatim } = spawnCall(".\\launch.CMD", 'a "b c"', "/site", {}, "win32");
  deepEqual(
    { shell: /cmd\.exe$/i.test(file), args, verbatim },
    { shell: true, args: ['/d /s /c "".\\launch.CMD" a "b c""'], verbatim: true },
  );
});

test("environments over one another: on Windows a name is the same in any case, elsewhere it is not", () => {
  const parts = [{ Path: "inherited", A: "1" }, { PATH: "own", a: "2" }, { B: undefined }];
  deepEqual(mergedEnvironment(parts, "win32"), { Path: "own", A: "2", B: undefined });
  deepEqual(mergedEnvironment(parts, "linux"), {
    Path: "inherited",
    PATH: "own",
    A: "1",
    a: "2",
    B: undefined,
  });
  deepEqual(mergedEnvironment([{ http_proxy: "x" }, { HTTP_PROXY: undefined }], "win32"), {
    http_proxy: undefined,
  });
});

test("a program in quotes is the same without them, also on Windows", () => {
  const { args } = spawnCall('".\\my launch.cmd"', "", "/site", {}, "win32");
  deepEqual(args, ['/d /s /c "".\\my launch.cmd""']);
});
