import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AccessLog, type AccessRecord } from "#src/platform/access-log.js";
import { LogFile, MAX_PENDING_BYTES } from "#src/platform/log-file.js";
import { parseRequestHead } from "#src/platform/http1/request-head.js";
import { StdoutLog } from "#src/platform/stdout-log.js";
import { temporaryFolder } from "../rig/temporary-site.js";

const fail = (what: unknown): never => {
  throw new Error(`unexpected: ${String(what)}`);
};

function recordOf(n: number, fields = ""): AccessRecord {
  const head = parseRequestHead(`GET /${n} HTTP/1.1\r\nHost: site\r\n${fields}`);
  ok(head.kind === "request");
  return {
    at: new Date(),
    head,
    client: "127.0.0.1",
    localAddress: "127.0.0.1",
    localPort: 80,
    status: 200,
    substatus: 0,
    cut: false,
    bytes: 100,
    elapsedMs: 1,
    site: undefined,
    artifact: undefined,
  };
}

test("the access log begins another file when one is full, keeps as many as it may, and loses no line of them under load", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  await writeFile(path, "of an earlier run\n");
  const [maxBytes, maxFiles, lines] = [50_000, 3, 10_000];
  const log = new AccessLog({ path, format: "w3c", maxBytes, maxFiles, dropped: fail, failed: fail });
  for (let n = 1; n <= lines; n += 1) log.write(recordOf(n));
  await log.close();
  const files = [`${path}.2`, `${path}.1`, path];
  equal((await readdir(join(path, ".."))).length, files.length);
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  for (const text of texts) {
    ok(text.startsWith("#Software: "));
    ok(text.length <= maxBytes);
  }
  const numbers = [...texts.join("").matchAll(/ GET \/(\d+) /g)].map(([, number]) => Number(number));
  ok(numbers.length > 600);
  const first = lines - numbers.length + 1;
  deepEqual(
    numbers,
    Array.from(numbers, (_, index) => first + index),
  );
});

test("what a visitor sends steers no terminal that shows the access log", async (t) => {
  for (const format of ["w3c", "json"] as const) {
    const path = join(await temporaryFolder(t), "access.log");
    const log = new AccessLog({ path, format, maxBytes: 50_000, maxFiles: 1, dropped: fail, failed: fail });
    // CSI and a mark of direction as UTF-8, as the bytes that come.
    log.write(recordOf(1, "User-Agent: a\u00c2\u009b31mb\u00e2\u0080\u00aec\r\nReferer: \u009b2J\r\n"));
    await log.close();
    const bytes = await readFile(path);
    ok(!/(?!\n)[\p{Cc}\u202e]/u.test(bytes.toString("utf8")));
    ok(bytes.includes(format === "w3c" ? "\\x9b31m" : "\\u009b31m"));
  }
});

test("a disk that does not keep up costs entries, which are counted, and never memory without limit", async (t) => {
  const path = join(await temporaryFolder(t), "log");
  let dropped = 0;
  const next = (): Promise<string> => Promise.resolve(path);
  const log = new LogFile({ maxBytes: 1e9, next, dropped: (entries) => (dropped += entries), failed: fail });
  const entry = Buffer.alloc(100_000, "x");
  for (let n = 0; n < 200; n += 1) log.write(entry);
  await log.close();
  ok(dropped > 0);
  equal((await stat(path)).size, (200 - dropped) * entry.length);
  // The first one was under way at once, and the last one was let in below the limit.
  ok((await stat(path)).size <= MAX_PENDING_BYTES + 2 * entry.length);
});

test("the log of a process begins another file when one is full, and the oldest go, also those of earlier processes", async (t) => {
  const folder = join(await temporaryFolder(t), "logs");
  await mkdir(folder);
  const write = async (at: string, parts: number): Promise<void> => {
    const path = join(folder, "out");
    const log = new StdoutLog(
      { path, maxBytes: 100, maxFiles: 4, dropped: fail, failed: fail },
      new Date(at),
    );
    for (let n = 0; n < parts; n += 1) log.write(Buffer.from(`${at} ${n}`.padEnd(80)));
    await log.close();
  };
  await write("2026-01-01T00:00:00Z", 3);
  await write("2026-01-02T00:00:00Z", 12);
  await write("2026-01-03T00:00:00Z", 1);
  deepEqual(
    (await readdir(folder)).sort().map((name) => name.replace(String(process.pid), "PID")),
    [
      "out_20260102000000_PID.10.log",
      "out_20260102000000_PID.11.log",
      "out_20260102000000_PID.9.log",
      "out_20260103000000_PID.log",
    ],
  );
});

test("a log that cannot be written says so once, and nothing else happens", async (t) => {
  const folder = await temporaryFolder(t);
  const problems: string[] = [];
  const failed = ({ message }: Error): void => void problems.push(message);
  const log = new AccessLog({ path: folder, format: "json", dropped: fail, failed });
  log.write(recordOf(1));
  log.write(recordOf(2));
  await log.close();
  log.write(recordOf(3));
  equal(problems.length, 1);
  await rm(folder, { recursive: true });
});

test("a field of nothing but blanks costs the access log no more than its length", async (t) => {
  const path = join(await temporaryFolder(t), "access.log");
  const log = new AccessLog({ path, format: "w3c", dropped: fail, failed: fail });
  const head = parseRequestHead(`GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a${" ".repeat(15_000)}b\r\n`);
  ok(head.kind === "request");
  const before = process.cpuUsage();
  for (let n = 0; n < 10; n += 1) log.write({ ...recordOf(n), head });
  const { user } = process.cpuUsage(before);
  await log.close();
  ok(user < 1_000_000, `${user} us of processor time`);
});

test("fields are found whatever their case, and no byte of theirs steers a terminal", async (t) => {
  const fields =
    "x-user-agent: not this\r\nUSER-agent:\t A\u009b31mB \r\nUser-Agent: second\r\nreferer: \u0085\u00e4\r\n";
  const head = parseRequestHead(`GET /\u009d0;owned HTTP/1.1\r\nHost: a\r\n${fields}`);
  ok(head.kind === "request");
  const lines: Record<string, string> = {};
  for (const format of ["w3c", "json"] as const) {
    const path = join(await temporaryFolder(t), "access.log");
    const log = new AccessLog({ path, format, dropped: fail, failed: fail });
    log.write({ ...recordOf(1), head });
    await log.close();
    lines[format] = (await readFile(path, "utf8")).split("\n").at(-2) ?? "";
    equal(/[\u0080-\u009f]/.test(lines[format]), false, format);
  }
  ok(lines["w3c"]?.includes(" /\\x9d0;owned - 80 - 127.0.0.1 A\\x9b31mB \\x85\u00e4 200 "), lines["w3c"]);
  const { target, userAgent, referer } = JSON.parse(lines["json"] ?? "") as Record<string, string>;
  deepEqual([target, userAgent, referer], ["/\u009d0;owned", "A\u009b31mB", "\u0085\u00e4"]);
});
