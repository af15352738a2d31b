import type { TestContext } from "node:test";

/** Everybody in this process sees the clock go forward at once. */
export function clock(t: TestContext): (ms: number) => void {
  const now = Date.now.bind(Date);
  let ahead = 0;
  t.mock.method(Date, "now", () => now() + ahead);
  return (ms) => (ahead += ms);
}
