import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { asFromWorker } from "#src/process/worker-messages.js";

const OTHERS: readonly unknown[] = [
  null,
  "serving",
  {},
  { inplace: "odd" },
  { inplace: "__proto__" },
  { inplace: "listening" },
  { inplace: "listening", host: "127.0.0.1", port: {}, protocol: "tcp" },
  { inplace: "listening", host: "127.0.0.1", port: 65_536, protocol: "tcp" },
  { inplace: "listening", host: "a\0b", port: 80, protocol: "tcp" },
  { inplace: "listening", host: "127.0.0.1", port: 80, protocol: "odd" },
  { inplace: "elsewhere", port: -1 },
  { inplace: "counted", requests: "1" },
  { inplace: "drained", served: 1, cut: 0, durationMs: Number.NaN },
];
const OURS: readonly unknown[] = [
  { inplace: "listening", host: "::1", port: 80, protocol: "h2c" },
  { inplace: "listening", host: "", port: 0, protocol: "inherited" },
  { inplace: "elsewhere", port: 80 },
  { inplace: "ready" },
  { inplace: "drained", served: 1, cut: 0, durationMs: 2.5 },
];

test("what an app sends over the channel counts only if it is a message of ours with all that belongs to it", () => {
  deepEqual(
    OTHERS.map((message) => asFromWorker(message)),
    OTHERS.map(() => undefined),
  );
  deepEqual(
    OURS.map((message) => asFromWorker(message)),
    OURS,
  );
  deepEqual(asFromWorker("ready"), { inplace: "ready" });
});
