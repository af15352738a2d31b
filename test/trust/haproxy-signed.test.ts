import assert from "node:assert/strict";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { haproxyFolder } from "#src/fronts/haproxy/front.js";
import { startSlot, stopSlot, type StartOrder } from "#src/fronts/haproxy/slot.js";
import { readSlot } from "#src/fronts/haproxy/slot-record.js";
import { freePort } from "../rig/free-port.js";
import { until } from "../rig/until.js";
import { fetchText, fileOf } from "../runtime/launched-site.js";
import { RELEASE, signedSite, writeFiles } from "./signed-site.js";

test("behind HAProxy nothing unsigned starts, nor does it when its keeper starts the artifact again", async (t) => {
  const site = await signedSite(t);
  const { layout, artifact, proof, evil, publicKey } = site;
  await writeFile(join(layout.root, "inplace.config.json"), JSON.stringify({ requireSignature: publicKey }));
  const port = await freePort();
  const health = { address: "127.0.0.1", port, path: "/", timeoutMs: 5_000 };
  const order: StartOrder = { slot: 1, artifact: RELEASE, port, health, startMs: 20_000, drainMs: 5_000 };
  t.after(() => stopSlot(layout, 1, 0));
  const signed = await readFile(join(artifact, "index.mjs"));
  await startSlot(layout, order);
  assert.equal(await fetchText(port), "SIGNED v1");
  await writeFile(join(artifact, "index.mjs"), evil.module);
  const { pid = 0 } = (await readSlot(haproxyFolder(layout), 1)) ?? {};
  process.kill(pid, "SIGKILL");
  await until("the keeper has started it again", async () => {
    const record = await readSlot(haproxyFolder(layout), 1);
    return record?.restarts === 1 && (await fetchText(port).catch(() => "")) === "SIGNED v1";
  });
  // What runs may change its own copy.
  const [home = ""] = await readdir(layout.sealed);
  await writeFile(join(layout.sealed, home, RELEASE, "index.mjs"), evil.module);
  await writeFile(join(artifact, "index.mjs"), signed);
  process.kill((await readSlot(haproxyFolder(layout), 1))?.pid ?? 0, "SIGKILL");
  await until("the keeper has started it once more", async () => {
    const record = await readSlot(haproxyFolder(layout), 1);
    return record?.restarts === 2 && (await fetchText(port).catch(() => "")) === "SIGNED v1";
  });
  assert.equal(await fileOf(proof), undefined);
  await stopSlot(layout, 1, 5_000);
  await writeFile(join(artifact, "index.mjs"), evil.module);
  await rm(layout.sealed, { recursive: true });
  await assert.rejects(startSlot(layout, order), { code: "ARTIFACT_ALTERED", message: /shop-1\/index\.mjs/ });
  await writeFiles(layout.target, { "evil/index.mjs": evil.module });
  await assert.rejects(startSlot(layout, { ...order, artifact: "evil" }), { code: "ARTIFACT_UNSIGNED" });
  assert.equal(await fileOf(proof), undefined);
});
