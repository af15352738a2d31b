import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";
import { readPointer } from "#src/site/pointer.js";
import { webConfig } from "../platform/site.js";
import { fileOf } from "../runtime/launched-site.js";
import { RELEASE, STARTERS, signedSite, startSite, writeFiles, type SignedSite } from "./signed-site.js";

/** An account that is nobody's, where this one is root: root may read everything. */
const OTHER_ACCOUNT = 60_017;

async function givenAway({ layout, proof }: SignedSite): Promise<number | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const folder of [layout.root, dirname(proof)])
    execFileSync("chown", ["-R", String(OTHER_ACCOUNT), folder]);
  return OTHER_ACCOUNT;
}

/** What somebody does who can write `_target` and nothing else. */
const ATTACKS: Record<string, (site: SignedSite, t: TestContext) => Promise<void>> = {
  "the signed release is damaged, and a program lies beside it": async ({ layout, artifact, evil }) => {
    await appendFile(join(artifact, "index.mjs"), "//\n");
    await writeFile(join(layout.target, "zz.sh"), evil.shell);
  },
  "the entry point becomes a script": async ({ artifact, evil }) => {
    await writeFiles(artifact, { "evil.sh": evil.shell, "_entry.txt": "evil.sh\n" });
  },
  "the entry point is written with quotes": async ({ artifact, evil }) => {
    await writeFiles(artifact, { "evil.sh": evil.shell, "_entry.txt": '"evil.sh"\n' });
  },
  "the entry point becomes a folder": async ({ layout, artifact, evil }) => {
    await rm(join(artifact, "_entry.txt"));
    await mkdir(join(artifact, "_entry.txt"));
    await writeFile(join(layout.target, "zz.sh"), evil.shell);
  },
  "a path is longer than the system takes": async ({ artifact, evil }, t) => {
    await writeFile(join(artifact, "index.mjs"), evil.module);
    // Node cannot remove what it cannot name.
    t.after(() => void execFileSync("rm", ["-rf", artifact]));
    const name = "x".repeat(250);
    const deeper = `cd "$1" && for i in $(seq 20); do mkdir ${name} && cd ${name} || exit 0; done`;
    execFileSync("sh", ["-c", deeper, "sh", artifact]);
  },
  "a link leads to itself": async ({ artifact, evil }) => {
    await writeFile(join(artifact, "index.mjs"), evil.module);
    await symlink("loop", join(artifact, "loop"));
  },
  "a file is a pipe that nobody writes": async ({ artifact, layout, evil }) => {
    await rm(join(artifact, "late.mjs"));
    execFileSync("mkfifo", [join(artifact, "late.mjs")]);
    await writeFile(join(layout.target, "zz.sh"), evil.shell);
  },
  "the release is a link to another folder": async ({ layout, artifact, evil }) => {
    await rename(artifact, `${artifact}.aside`);
    await writeFiles(join(layout.target, "other"), { "index.mjs": evil.module });
    await symlink("other", artifact);
  },
  "packages lie above it": async ({ layout, evil }) => {
    await writeFiles(layout.target, {
      "node_modules/bufferutil/package.json": '{"main":"index.js"}',
      "node_modules/bufferutil/index.js": evil.module.replace(/^import .*?; const require = .*?; /, ""),
    });
  },
  "what is added to it is loaded by name": async ({ artifact, evil }) => {
    await writeFiles(artifact, {
      "node_modules/bufferutil/package.json": '{"main":"index.js"}',
      "node_modules/bufferutil/index.js": evil.module.replace(/^import .*?; const require = .*?; /, ""),
    });
  },
};

const IN_UTF_16 = "inplace.config.json in UTF-16";

for (const starter of STARTERS) {
  describe(`under ${starter}, with a key required,`, () => {
    // The supervisor starts what launchers and serve start, by the same function: some of them show that.
    const attacks = Object.entries(ATTACKS);
    for (const [what, attack] of starter === "supervise"
      ? attacks.filter((_, at) => at % 4 === 1)
      : attacks) {
      it(`no unsigned code runs where ${what}`, async (t) => {
        const site = await signedSite(t);
        await attack(site, t);
        const running = await startSite(t, starter, site.layout, { INPLACE_PUBLIC_KEY: site.publicKey });
        const answer = await running.ask();
        assert.ok(answer === "refused" || answer === "SIGNED v1", answer);
        assert.equal(await fileOf(site.proof), undefined);
      });
    }

    it("what was checked is what runs, also of a file that is read later, and at each further start", async (t) => {
      const site = await signedSite(t);
      const env = { INPLACE_PUBLIC_KEY: site.publicKey };
      const running = await startSite(t, starter, site.layout, env);
      assert.equal(await running.ask(), "SIGNED v1");
      await writeFile(join(site.artifact, "late.mjs"), `${site.evil.module} export const who = "evil";`);
      assert.equal(await running.ask("/late"), "SIGNED late");
      running.started.process.kill("SIGTERM");
      await running.started.exited;
      const again = await startSite(t, starter, site.layout, env);
      assert.equal(await again.ask("/late"), "SIGNED late");
      assert.equal(existsSync(site.proof), false);
    });

    for (const [name, file, content] of [
      ["a comma too many in inplace.config.json", "inplace.config.json", '{"requireSignature": "KEY",}'],
      [IN_UTF_16, "inplace.config.json", '{"requireSignature": "KEY"}'],
      ["an empty requireSignature", "inplace.config.json", '{"requireSignature": ""}'],
      ["requireSignature in package.json", "package.json", '{"inplace": {"requireSignature": "KEY"}}'],
    ] as const) {
      it(`an unsigned release does not start with ${name}`, async (t) => {
        const site = await signedSite(t);
        const { layout, evil } = site;
        const sound = content.replace("KEY", site.publicKey);
        await writeFile(join(layout.root, file), sound, name === IN_UTF_16 ? "utf16le" : "utf8");
        await writeFiles(site.artifact, { "index.mjs": evil.module });
        const running = await startSite(t, starter, layout, {});
        assert.equal(await running.ask(), "refused");
        assert.equal(existsSync(site.proof), false);
      });
    }
  });
}

it("no unsigned code runs where one of its files may not be read by the account that runs the site", async (t) => {
  const site = await signedSite(t);
  await writeFile(join(site.artifact, "index.mjs"), site.evil.module);
  await chmod(join(site.artifact, "late.mjs"), 0);
  const env = { INPLACE_PUBLIC_KEY: site.publicKey };
  const running = await startSite(t, "launch.sh", site.layout, env, await givenAway(site));
  assert.equal(await running.ask(), "refused");
  assert.equal(existsSync(site.proof), false);
});

it("an unsigned release does not start where the account that runs the site may not read its configuration", async (t) => {
  const site = await signedSite(t);
  const uid = await givenAway(site);
  const config = join(site.layout.root, "inplace.config.json");
  await writeFile(config, JSON.stringify({ requireSignature: site.publicKey }), { mode: 0 });
  await writeFiles(site.artifact, { "index.mjs": site.evil.module });
  const running = await startSite(t, "launch.sh", site.layout, {}, uid);
  assert.equal(await running.ask(), "refused");
  assert.equal(existsSync(site.proof), false);
});

it("an unsigned release does not start where the configuration is a link into a folder closed to that account", async (t) => {
  const site = await signedSite(t);
  const uid = await givenAway(site);
  const closed = join(await temporaryFolder(t), "closed");
  await mkdir(closed, { mode: 0o700 });
  await writeFile(join(closed, "config.json"), JSON.stringify({ requireSignature: site.publicKey }));
  await symlink(join(closed, "config.json"), join(site.layout.root, "inplace.config.json"));
  await writeFiles(site.artifact, { "index.mjs": site.evil.module });
  const running = await startSite(t, "launch.sh", site.layout, {}, uid);
  assert.equal(await running.ask(), "refused");
  assert.equal(existsSync(site.proof), false);
});

it(`a site without a key starts ${RELEASE} although package.json speaks of something in escapes`, async (t) => {
  const { layout } = await signedSite(t);
  await writeFile(join(layout.root, "package.json"), '{"description": "caf\\u00e9"}');
  const running = await startSite(t, "launch.sh", layout, {});
  assert.equal(await running.ask(), "SIGNED v1");
});

for (const named of ["in serve's environment", "in web.config"]) {
  it(`serve starts no processPath that does not ask what may be started, with the key ${named}`, async (t) => {
    const { layout, artifact, proof, evil, publicKey } = await signedSite(t);
    await writeFile(join(artifact, "index.mjs"), evil.module);
    const attributes = `processPath="${process.execPath}" arguments="_target/${RELEASE}/index.mjs"`;
    const variable = `<environmentVariable name="INPLACE_PUBLIC_KEY" value="${publicKey}" />`;
    const variables = `><environmentVariables>${variable}</environmentVariables>`;
    const inConfig = named === "in web.config";
    await writeFile(layout.webConfig, webConfig(attributes + (inConfig ? variables : "")));
    const running = await startSite(t, "serve", layout, inConfig ? {} : { INPLACE_PUBLIC_KEY: publicKey });
    assert.equal(await running.ask(), "refused");
    const said = running.started.stdout() + running.started.stderr();
    assert.match(said, /requires a signature, and .* starts what nobody has checked/);
    assert.equal(existsSync(proof), false);
  });
}

it("serve adopts no unsigned drop where web.config names the key", async (t) => {
  const { layout, proof, evil, publicKey } = await signedSite(t);
  const variable = `<environmentVariable name="INPLACE_PUBLIC_KEY" value="${publicKey}" />`;
  const config = `processPath=".\\launch.cmd"><environmentVariables>${variable}</environmentVariables>`;
  await writeFile(layout.webConfig, webConfig(config));
  const running = await startSite(t, "serve", layout, {});
  assert.equal(await running.ask(), "SIGNED v1");
  await writeFile(join(layout.target, "evil.mjs"), evil.module);
  await until(
    () => `it is refused: ${running.started.stdout()}`,
    () => /evil\.mjs.* is not signed/.test(running.started.stdout() + running.started.stderr()),
  );
  assert.equal(await running.ask(), "SIGNED v1");
  const pointer = await readPointer(layout);
  assert.ok(pointer.state === "names" && pointer.artifact === RELEASE, JSON.stringify(pointer));
  assert.equal(existsSync(proof), false);
});
