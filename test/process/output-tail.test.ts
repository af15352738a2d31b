import assert from "node:assert/strict";
import { test } from "node:test";
import { errorIn, toldLines } from "#src/process/output-tail.js";

const frames = (count: number, of: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => of(n + 1)).join("\n");

/** What a failed process wrote, and what of it has to be told. */
const FAILURES: readonly {
  readonly kind: string;
  readonly text: string;
  readonly error: string;
  readonly told: readonly string[];
}[] = [
  {
    error: "Error: boom",
    kind: "an error thrown by an app, of the newest Node and an older one",
    text: `started\n/app/app.js:3\nthrow new Error("boom");\n^\n\nError: boom\n    at Object.<anonymous> (/app/app.js:3:7)\n${frames(9, (n) => `    at Module.load (node:internal/modules/cjs/loader:${n})`)}\n\nNode.js v20.20.0\n`,
    told: [
      "/app/app.js:3",
      'throw new Error("boom");',
      "Error: boom",
      "    at Object.<anonymous> (/app/app.js:3:7)",
      "Node.js v20.20.0",
    ],
  },
  {
    error: "Error: ENOENT: no such file, open 'x.json'",
    kind: "an error thrown by Node, or by a package, on behalf of an app",
    text: `Error: ENOENT: no such file, open 'x.json'\n    at Object.openSync (node:fs:573:18)\n    at readFileSync (node:fs:452:35)\n    at read (/app/node_modules/conf/index.js:1:1)\n    at settings (/app/settings.js:9:3)\n    at main (/app/app.js:1:1) {\n  errno: -2,\n  code: 'ENOENT'\n}`,
    told: [
      "Error: ENOENT: no such file, open 'x.json'",
      "    at settings (/app/settings.js:9:3)",
      "    at main (/app/app.js:1:1) {",
      "  code: 'ENOENT'",
    ],
  },
  {
    error: "Error: outer",
    kind: "an error with its causes",
    text: `Error: outer\n${frames(10, (n) => `    at outer${n} (/app/a.js:${n})`)} {\n  [cause]: Error: inner\n${frames(10, (n) => `      at inner${n} (/app/b.js:${n})`)}\n}`,
    told: [
      "Error: outer",
      "    at outer1 (/app/a.js:1)",
      "  [cause]: Error: inner",
      "      at inner1 (/app/b.js:1)",
    ],
  },
  {
    error: "Unhandled exception. System.Exception: bang",
    kind: "Java and .NET, with the line ends of Windows",
    text: `Exception in thread "main" java.lang.IllegalStateException: boom\r\n${frames(30, (n) => `\tat com.shop.Main.run${n}(Main.java:${n})\r`)}\n\t... 8 more\r\nUnhandled exception. System.Exception: bang\r\n${frames(30, (n) => `   at Shop.Program.Run${n}()\r`)}\r\n`,
    told: [
      'Exception in thread "main" java.lang.IllegalStateException: boom',
      "\tat com.shop.Main.run1(Main.java:1)",
      "Unhandled exception. System.Exception: bang",
    ],
  },
  {
    error: "app.rb:1:in 'start': boom (RuntimeError)",
    kind: "Ruby",
    text: `app.rb:1:in 'start': boom (RuntimeError)\n${frames(40, (n) => `\tfrom app.rb:${n}:in 'x'`)}\n`,
    told: ["app.rb:1:in 'start': boom (RuntimeError)", "\tfrom app.rb:1:in 'x'"],
  },
  {
    error: "ValueError: boom",
    kind: "Python, whose error comes last",
    text: `Traceback (most recent call last):\n${frames(12, (n) => `  File "app.py", line ${n}, in f\n    f()`)}\nValueError: boom\n`,
    told: ["ValueError: boom", '  File "app.py", line 12, in f'],
  },
];

for (const { kind, text, told, error } of FAILURES)
  test(`of the output of what failed, the error and its place are told: ${kind}`, () => {
    const lines = toldLines(text);
    for (const line of told) assert.ok(lines.includes(line), `${line} is not in\n${lines.join("\n")}`);
    assert.ok(lines.length <= 20);
    assert.equal(errorIn(lines), error);
  });

test("of a process that wrote nothing, nothing is told; of one that wrote much, the last lines", () => {
  assert.deepEqual(toldLines("\n"), []);
  assert.deepEqual(toldLines(frames(100, (n) => `line ${n}`)).at(0), "line 81");
});
