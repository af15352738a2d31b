import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, type TestContext } from "node:test";
import { siteLayout, type SiteLayout } from "#src/site/layout.js";
import { askSupervisor } from "#src/supervisor/ask.js";
import { openControl } from "#src/supervisor/control.js";
import type { SupervisorStatus } from "#src/supervisor/requests.js";
import type { Supervisor } from "#src/supervisor/supervisor.js";
import { ACCOUNTS, giveTo } from "../rig/account.js";
import { runProgram, startProgram } from "../rig/program.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

const OURS = 4711;
const THEIRS = 666;
const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const LEAVES_SOCKET = `require("node:net").createServer().listen(process.argv[1],
  () => process.kill(process.pid, "SIGKILL"));`;
const OPENS_CONTROL = `
  import { openControl } from "#src/supervisor/control.js";
  import { siteLayout } from "#src/site/layout.js";
  await openControl(siteLayout(process.argv[1]), {}).then(
    (control) => (console.log("opened"), control.close()),
    ({ code, message }) => console.log(code, message));`;
const status = (pid: number): SupervisorStatus => ({
  state: { state: "idle" },
  pid,
  address: "127.0.0.1",
  port: 8080,
  front: "held",
  workers: [],
  swap: undefined,
});
const supervisor = { status: async () => status(OURS) } as unknown as Supervisor;
const asStranger =
  process.env["CI"] !== "true" && ACCOUNTS === undefined ? { skip: "to be two accounts needs root" } : {};

const askedPid = async (layout: SiteLayout): Promise<number | undefined> =>
  (await askSupervisor(layout, { ask: "status" }, AbortSignal.timeout(20_000)))?.pid;

async function opened(t: TestContext, layout: SiteLayout): Promise<void> {
  const control = await openControl(layout, supervisor);
  t.after(async () => control.close());
}

/** Another account on the machine says that it is the supervisor. */
async function plant(t: TestContext, path: string): Promise<void> {
  const reply = JSON.stringify({ answer: status(THEIRS) });
  const source = `
    import { createServer } from "node:net";
    createServer((socket) => socket.once("data", () => socket.end('${reply}\\n'))).listen(${JSON.stringify(path)},
      () => console.log("planted"));`;
  const account = ACCOUNTS?.stranger;
  const planted = startProgram(t, process.execPath, ["--input-type=module", "-e", source], {
    cwd: "/",
    account,
  });
  await until(
    () => `planted: ${planted.output}`,
    () => planted.stdout.includes("planted"),
  );
}

/** A site whose path leaves no room for a socket in it, on a machine with such folders for temporary files and at home. */
async function deepSite(t: TestContext): Promise<{ layout: SiteLayout; tmp: string; home: string }> {
  const machine = await temporaryFolder(t);
  await chmod(machine, 0o755);
  const [tmp, home] = [join(machine, "tmp"), join(machine, "home")];
  const layout = siteLayout(join(machine, "a".repeat(100)));
  for (const folder of [tmp, home, layout.root]) await mkdir(folder);
  await chmod(tmp, 0o1777);
  const env = { TMPDIR: tmp, HOME: home, XDG_RUNTIME_DIR: undefined };
  for (const [name, value] of Object.entries(env)) {
    const before = process.env[name];
    set(name, value);
    t.after(async () => set(name, before));
  }
  return { layout, tmp, home };
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}

test("a site without a folder of ours can be supervised and asked", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  await opened(t, layout);
  assert.equal(await askedPid(layout), OURS);
  await assert.rejects(openControl(layout, supervisor), { code: "SUPERVISED_ALREADY" });
});

test("a channel whose file is removed, with the folder or alone, is there again, and no second supervisor starts", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  await opened(t, layout);
  for (const removed of [join(layout.root, ".inplace"), layout.control]) {
    await rm(removed, { recursive: true });
    await until("it can be asked again", async () => (await askedPid(layout)) === OURS);
    await assert.rejects(openControl(layout, supervisor), { code: "SUPERVISED_ALREADY" });
    assert.equal(await askedPid(layout), OURS);
  }
});

test("what keeps the channel from being made is told, and is no other supervisor", async (t) => {
  const layout = siteLayout(await temporaryFolder(t));
  await writeFile(join(layout.root, ".inplace"), "a file");
  await assert.rejects(openControl(layout, supervisor), {
    code: "CONTROL_UNAVAILABLE",
    message: /\.inplace/,
  });
});

test(
  "a socket that another account put into the site's folder is not believed, and gives way",
  asStranger,
  async (t) => {
    const layout = siteLayout(await temporaryFolder(t));
    await chmod(layout.root, 0o755);
    await mkdir(join(layout.root, ".inplace"));
    await chmod(join(layout.root, ".inplace"), 0o777);
    await plant(t, join(layout.root, ".inplace", "control.sock"));
    await assert.rejects(askedPid(layout), { code: "CONTROL_UNTRUSTED", message: /6002/ });
    await opened(t, layout);
    assert.equal(await askedPid(layout), OURS);
  },
);

test(
  "a socket that a killed supervisor of another account left is no supervisor, and is named",
  asStranger,
  async (t) => {
    const layout = siteLayout(await temporaryFolder(t));
    await mkdir(join(layout.root, ".inplace"));
    await runProgram(t, process.execPath, ["-e", LEAVES_SOCKET, layout.control], { cwd: "/" });
    await chmod(layout.control, 0o600);
    if (ACCOUNTS !== undefined) await giveTo(ACCOUNTS.site, layout.root);
    if (ACCOUNTS !== undefined) await chown(layout.control, 0, 0);
    const opening = await runProgram(
      t,
      process.execPath,
      ["--input-type=module", "-e", OPENS_CONTROL, layout.root],
      {
        cwd: REPOSITORY,
        account: ACCOUNTS?.site,
      },
    );
    assert.match(opening.stdout, /^CONTROL_UNAVAILABLE .*control\.sock/, opening.stderr);
    await opened(t, layout);
    assert.equal(await askedPid(layout), OURS);
  },
);

if (process.platform !== "win32") {
  test("where the site's path is too long, the channel lies in a folder of the account alone", async (t) => {
    const { layout, home } = await deepSite(t);
    await opened(t, layout);
    assert.equal((await stat(join(home, ".inplace"))).mode & 0o777, 0o700);
    assert.equal(await askedPid(layout), OURS);
  });

  test("nobody else can take that place before", asStranger, async (t) => {
    const { layout, tmp, home } = await deepSite(t);
    const id = createHash("sha256").update(layout.root).digest("hex").slice(0, 16);
    const taken = join(tmp, `inplace-${process.getuid?.()}`);
    await mkdir(taken);
    await chown(taken, 6002, 6002);
    await plant(t, join(tmp, `inplace-${id}.sock`));
    await plant(t, join(taken, `inplace-${id}.sock`));
    assert.equal(await askedPid(layout), undefined);
    await rm(home, { recursive: true });
    await writeFile(home, "no home");
    await assert.rejects(openControl(layout, supervisor), {
      code: "CONTROL_UNAVAILABLE",
      message: /belongs to account 6002/,
    });
    await rm(home);
    await mkdir(home);
    await opened(t, layout);
    assert.equal(await askedPid(layout), OURS);
  });
}
