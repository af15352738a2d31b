import assert from "node:assert/strict";
import { test } from "node:test";
import { PROJECT } from "../rig/project.ts";
import { documentsOf } from "./documents.ts";

test("the help of every verb shows it in use, and the options that all verbs have", async (t) => {
  const helpOf = async (verbs: readonly string[]): Promise<string[]> => {
    const lines = verbs.map((verb) => [...verb.split(" "), "--help"].filter((word) => word !== ""));
    return (await documentsOf(t, PROJECT, lines)).map(({ document }) => String(document["help"]));
  };
  const [all = ""] = await helpOf([""]);
  const verbs =
    all
      .split("Commands:")[1]
      ?.match(/^ {2}[a-z]+/gm)
      ?.map((verb) => verb.trim()) ?? [];
  const names = verbs.filter((verb) => verb !== "help");
  assert.ok(names.length > 12, `${names.length} verbs`);
  names.push(...["up", "deploy", "down", "status"].map((verb) => `haproxy ${verb}`));
  for (const [at, shown] of (await helpOf(names)).entries()) {
    const name = names[at];
    assert.match(shown, new RegExp(`Examples:\n {2}inplace-deploy ${name}\\b`), name);
    for (const option of ["--json", "--site-root"])
      assert.match(shown, new RegExp(`^ +${option} `, "m"), name);
  }
});

test("a mistake in a command line is a USAGE error that names the help of its verb; with --json, help and version are documents", async (t) => {
  const mistakes = [
    [["status", "--nope"], /unknown option '--nope'/, " status"],
    [["prune", "--keep", "few"], /Not a number from 1/, " prune"],
    [["--site-root", "deploy", "prune", "--keep", "0"], /Not a number from 1/, " prune"],
    [["rollback", "a", "b"], /too many arguments/, " rollback"],
    [["serve", "--tls-cert", "a"], /belong together/, " serve"],
    [["haproxy", "deploy", "--batch", "x"], /Not a number of hosts/, " haproxy deploy"],
    [["haproxy"], /^haproxy what\? One of up, deploy, down, status\.$/, " haproxy"],
    [["haproxy", "dploy"], /Did you mean deploy\?/, " haproxy"],
    [["help", "nonsense"], /^There is no verb "nonsense"\.$/, ""],
    [["stauts"], /Did you mean status\?/, ""],
    [[], /^inplace-deploy what\? One of init, /, ""],
  ] as const;
  const answers = await documentsOf(t, PROJECT, [
    ...mistakes.map(([args]) => args),
    ["--version"],
    ["help", "haproxy"],
    ["help"],
  ]);
  for (const [at, [args, message, verb]] of mistakes.entries()) {
    const { code, document } = answers[at] ?? assert.fail();
    assert.deepEqual([code, document.error?.code], [2, "USAGE"], args.join(" "));
    assert.match(String(document.error?.message), message);
    assert.equal(document.error?.hint, `Run inplace-deploy${verb} --help.`, args.join(" "));
  }
  const [version, haproxy, all] = answers.slice(mistakes.length);
  assert.match(String(version?.document["version"]), /^\d+\.\d+\.\d+$/);
  assert.match(String(haproxy?.document["help"]), /--site-root[^]*haproxy deploy/);
  assert.match(String(all?.document["help"]), /Commands:/);
});
