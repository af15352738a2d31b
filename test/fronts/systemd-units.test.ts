import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { systemdUnits } from "#src/fronts/systemd/units.js";
import { parseListen } from "#src/fronts/systemd/options.js";
import { writeUnits } from "#src/fronts/systemd/write-units.js";
import { unitWarnings } from "#src/fronts/systemd/warnings.js";
import { ACCOUNTS } from "../rig/account.js";
import { UserSystemd } from "../rig/user-systemd.js";
import { inplace } from "../rig/source.ts";
import { unlessInstalled } from "../rig/installed.js";
import { temporaryFolder } from "../rig/temporary-site.js";

const run = promisify(execFile);
/** Of 10; systemd calls what is below 2.5 "OK". */
const MOST_EXPOSED = 2.5;

test(
  "systemd finds nothing to complain of in the units, also for a path with blanks, quotes, % and $",
  unlessInstalled("systemd-analyze"),
  async (t) => {
    const folder = await temporaryFolder(t);
    const root = join(folder, `si"te %n $HOME`);
    await mkdir(root);
    await writeFile(join(root, "launch.sh"), "");
    const units = systemdUnits({
      site: "blog",
      root,
      listen: ["8080", "admin=[::1]:9090"],
      account: "www-data",
    });
    const paths = await writeUnits(folder, units, false);
    const { stderr } = await run("systemd-analyze", ["verify", ...paths]);
    assert.equal(stderr, "");
  },
);

test(
  "systemd reads the folders of a unit as they are",
  unlessInstalled("systemctl", "unshare"),
  async (t) => {
    const systemd = await UserSystemd.start(t);
    const root = `/srv/si"te %n $HOME $$ \\x41 b`;
    const service = systemdUnits({ site: "blog", root, listen: ["8080"], account: "www-data" }).at(-1);
    assert.ok(service);
    await systemd.install([service]);
    assert.equal(await systemd.property(service.name, "WorkingDirectory"), root);
    // A list is shown as a shell would quote it.
    const listed = await systemd.property(service.name, "ReadWritePaths");
    assert.equal(listed.replace(/^"|"$/g, "").replace(/\\([\\"$])/g, "$1"), root);
  },
);

test("systemd rates the service's exposure as low", unlessInstalled("systemd-analyze"), async (t) => {
  const folder = await temporaryFolder(t);
  const units = systemdUnits({ site: "blog", root: folder, listen: ["8080"], account: "www-data" });
  const paths = await writeUnits(folder, units, false);
  const service = paths.find((path) => path.endsWith(".service")) ?? "";
  const { stdout } = await run("systemd-analyze", ["security", "--offline=true", "--no-pager", service]);
  const level = Number(/exposure level for \S+ ([\d.]+)/.exec(stdout)?.[1]);
  assert.ok(level < MOST_EXPOSED, stdout.slice(-200));
});

test("one socket unit for each name, the first called like the site; one name may hold several addresses", () => {
  const listen = ["127.0.0.1:8080", "[::1]:8080", "admin=9090", "local=/run/blog.sock"];
  const units = systemdUnits({ site: "blog", root: "/srv/blog", listen, account: "blog" });
  assert.deepEqual(
    units.map(({ name }) => name),
    ["blog.socket", "blog-admin.socket", "blog-local.socket", "blog.service"],
  );
  assert.match(units[0]?.content ?? "", /ListenStream=127\.0\.0\.1:8080\nListenStream=\[::1\]:8080\n/);
  assert.match(units[3]?.content ?? "", /^Sockets=blog\.socket blog-admin\.socket blog-local\.socket$/m);
});

test("init writes a service that supervises, unless the configuration, a flag or several sockets ask for recycle", async (t) => {
  for (const [config, flags, rollout] of [
    [{}, [], "handover"],
    [{}, ["--no-supervise"], "recycle"],
    [{}, ["--port", "8080", "--port", "admin=9090"], "recycle"],
    [{}, ["--port", "/run/blog.sock"], "recycle"],
    [{ rollout: "recycle" }, [], "recycle"],
    [{ rollout: "recycle" }, ["--supervise"], "handover"],
    [{ overlap: false }, [], "recycle"],
  ] as const) {
    const root = await temporaryFolder(t);
    await writeFile(join(root, "inplace.config.json"), JSON.stringify({ site: "blog", ...config }));
    const args = ["init", "--systemd", "--user", "--site-root", root, ...flags];
    const { code, stdout, stderr } = await inplace(t, args, { cwd: root });
    assert.equal(code, 0, stderr);
    const service = await readFile(join(root, ".inplace", "systemd", "blog.service"), "utf8");
    const command = /^ExecStart=.*$/m.exec(service)?.[0] ?? "";
    assert.match(command, rollout === "handover" ? / "supervise"$/ : /launch\.sh"$/, stdout);
    assert.match(stdout, new RegExp(`^rollout: ${rollout}: `, "m"));
  }
});

test("a site that a service could not see, or not write, is warned of", async (t) => {
  const account = ACCOUNTS?.site;
  if (process.platform !== "linux") return;
  const below = await temporaryFolder(t);
  await writeFile(join(below, "inplace.config.json"), JSON.stringify({ site: "blog" }));
  const init = async (runAs: string): Promise<string> => {
    const args = [
      "init",
      "--systemd",
      "--force",
      "--run-as",
      runAs,
      "--output",
      "units",
      "--site-root",
      below,
    ];
    const { code, stdout, stderr } = await inplace(t, args, { cwd: below });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const elsewhere = String(account?.uid ?? 65_534);
  const warned = await init(elsewhere);
  assert.equal(
    /^warning: .* lies below \/tmp, which PrivateTmp= hides/m.test(warned),
    below.startsWith("/tmp/"),
  );
  assert.match(warned, new RegExp(`^warning: ${elsewhere} may not write `, "m"));
  assert.match(await init("no-such-account"), /^warning: there is no account no-such-account/m);
  assert.deepEqual(unitWarnings("/var/tmp", "nobody").length, 1);
  // Who runs the site needs its own folder only.
  await mkdir(join(below, ".inplace"));
  await chmod(join(below, ".inplace"), 0o777);
  assert.doesNotMatch(await init(elsewhere), /may not write/);
});

test("the unit's limits follow the drain, and an artifact that does not notify is not waited for", () => {
  const options = { site: "blog", root: "/srv/blog", listen: ["8080"], account: "blog", drainSeconds: 90 };
  const service = (more: object): string => systemdUnits({ ...options, ...more }).at(-1)?.content ?? "";
  assert.match(service({}), /^TimeoutStopSec=100$/m);
  assert.match(service({}), /^SuccessExitStatus=7 143$/m);
  assert.match(service({}), /^WatchdogSec=30$/m);
  assert.match(service({}), /"INPLACE_DRAIN_MS=90000"/);
  assert.match(service({ notify: false }), /^Type=exec$/m);
  assert.doesNotMatch(service({ notify: false }), /Watchdog|notify/i);
});

test("a site never runs as root, and what cannot stand in a unit is refused", () => {
  const options = { site: "blog", root: "/srv/blog", listen: ["8080"] };
  assert.throws(() => systemdUnits({ ...options, account: "root" }), { code: "USAGE" });
  assert.throws(() => systemdUnits(options), { code: "USAGE" });
  assert.throws(() => systemdUnits({ ...options, account: "a", root: "/srv/a\nExecStart=/bin/evil" }), {
    code: "USAGE",
  });
  assert.throws(() => systemdUnits({ ...options, account: "a", site: "../a" }), {
    code: "SITE_NAME_INVALID",
  });
  const refused = [
    "www\nExecStartPre=/bin/evil",
    "www\r",
    "a b",
    "%n",
    "-a",
    "",
    "0",
    "a\u2028b",
    "a\\",
    "a;b",
    "$a",
  ];
  for (const account of refused) {
    assert.throws(() => systemdUnits({ ...options, account }), { code: "USAGE" }, JSON.stringify(account));
  }
  for (const account of ["www-data", "_site", "1001", "web.site", "anna@example.org"]) {
    assert.match(
      systemdUnits({ ...options, account }).at(-1)?.content ?? "",
      new RegExp(`^User=${account}$`, "m"),
    );
  }
  // systemd would take the line after it for a part of it, or drop the blank.
  for (const root of ["/srv/a\\", "/srv/a "]) {
    assert.throws(() => systemdUnits({ ...options, account: "a", root }), { code: "USAGE" }, root);
  }
  for (const wrong of ["0", "65536", "x", "1.2.3:80", "[::g]:80", "a b=80", "80 90", "=80"]) {
    assert.throws(() => parseListen(wrong), { code: "USAGE" }, wrong);
  }
});

test("a unit that a person changed is kept unless forced", async (t) => {
  const folder = await temporaryFolder(t);
  await writeUnits(folder, [{ name: "a.service", content: "one" }], false);
  await writeUnits(folder, [{ name: "a.service", content: "one" }], false);
  await assert.rejects(writeUnits(folder, [{ name: "a.service", content: "two" }], false), {
    code: "FILE_EXISTS",
  });
  assert.equal(await readFile(join(folder, "a.service"), "utf8"), "one");
  await writeUnits(folder, [{ name: "a.service", content: "two" }], true);
  assert.equal(await readFile(join(folder, "a.service"), "utf8"), "two");
});
