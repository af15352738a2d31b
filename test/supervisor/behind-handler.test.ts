// A platform handler forwards HTTP/1 and nothing else: behind it another server would answer no visitor.
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeHandover } from "#src/site/handover.js";
import { askSupervisor } from "#src/supervisor/ask.js";
import { handoverSite, launched } from "./handover-site.js";
import { publish, SETTLE_MS } from "./supervised-site.js";

const server = (take: string): string =>
  `import net from "node:net"; net.createServer((c) => { c.on("error", () => 0); ${take} }).listen(process.env.PORT);`;
const SERVERS = [
  ["never answers", server("")],
  ["resets each connection", server("c.resetAndDestroy();")],
  ["speaks something else", server('c.end("hello I am no http\\n");')],
] as const;

test("behind a handler a release on plain sockets is no good one, and the one before serves on", async (t) => {
  const layout = await handoverSite(t);
  await writeHandover(layout, { probationMs: 200, readyMs: 2_000 });
  const { port } = await launched(t, layout, {});
  for (const [index, [what, source]] of SERVERS.entries()) {
    const artifact = `plain-${index}.mjs`;
    await publish(layout, artifact, source);
    const outcome = await askSupervisor(layout, { ask: "wait", artifact }, AbortSignal.timeout(SETTLE_MS));
    assert.equal(outcome?.result, "failed", what);
    assert.match(await (await fetch(`http://127.0.0.1:${port}`)).text(), /^1/);
  }
});
