import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { systemdUnits } from "#src/fronts/systemd/units.js";
import { siteLayout } from "#src/site/layout.js";
import { unlessInstalled } from "../rig/installed.js";
import { freePort } from "../rig/free-port.js";
import { pageOf } from "../rig/page.js";
import { until } from "../rig/until.js";
import { UserSystemd } from "../rig/user-systemd.js";
import { launchedSite } from "../runtime/launched-site.js";
import { publish } from "../watch/watched-site.js";

const run = promisify(execFile);
const ACCOUNT = "www-data";
const NEEDED =
  process.env["CI"] !== "true" && process.getuid?.() !== 0
    ? { skip: "to start a service as another account needs root" }
    : unlessInstalled("systemctl", "systemd-notify", "unshare");
/** What needs more of the kernel than a container gives, and PrivateTmp, which hides this systemd's own socket. */
const WITHOUT = ["ControlGroups", "Clock", "Hostname", "KernelLogs", "KernelTunables"]
  .map((name) => `Protect${name}=no`)
  .concat("ProtectProc=default", "PrivateDevices=no", "PrivateTmp=no");

const app = (version: number): string => `
import { writeFileSync } from "node:fs";
import http from "node:http";
const tried = (path) => { try { writeFileSync(path, ""); return "written"; } catch ({ code }) { return code; } };
const facts = [${version}, process.getuid(), tried("own"), tried("/var/tmp/inplace-test")].join(" ");
http.createServer((request, response) => response.end(facts)).listen(process.env.PORT);
`;

test("the site runs as the account of its units, writes in its folder only, and swaps", NEEDED, async (t) => {
  // First, so that it has ended, and the app with it, when the site's folder is removed.
  const systemd = await UserSystemd.start(t);
  // Not below /tmp nor a home, which the units hide or protect.
  const root = await mkdtemp("/srv/inplace-");
  t.after(() => rm(root, { recursive: true, force: true, maxRetries: 10 }));
  const layout = await launchedSite(t, siteLayout(root));
  await mkdir(layout.target);
  await publish(layout, "blog-1.mjs", app(1));
  await run("chown", ["-R", `${ACCOUNT}:`, root]);
  const uid = (await run("id", ["-u", ACCOUNT])).stdout.trim();
  for (const path of ["", "run", "run/systemd"]) await chmod(join(systemd.folder, path), 0o755);
  await chmod(join(systemd.folder, "run/systemd/notify"), 0o777);
  const port = await freePort();
  const units = systemdUnits({ site: "blog", root, listen: [String(port)], account: ACCOUNT });
  const less = `[Service]\n${WITHOUT.join("\n")}\n`;
  await systemd.install([...units, { name: "blog.service.d/container.conf", content: less }]);
  await systemd.control("start", "blog.socket");
  assert.equal(await pageOf(port), `1 ${uid} written EROFS`, await systemd.output());
  await publish(layout, "blog-2.mjs", app(2));
  await until("the next release serves", async () => (await pageOf(port)) === `2 ${uid} written EROFS`);
  await until("systemd was told", async () =>
    (await systemd.property("blog.service", "StatusText")).startsWith("serving blog-2.mjs"),
  );
  assert.equal(await systemd.property("blog.service", "NRestarts"), "0");
});
