import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { listenError } from "#src/process/listen-error.js";
import { temporaryFolder } from "../rig/temporary-site.ts";
import { documentsOf } from "./documents.ts";

test("serve refuses at its start what it could not do: no connections, a log that cannot be written, a PORT that is none", async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, "web.config"), "<configuration />");
  const lines = [
    ["serve", "--port", "0", "--max-connections", "0"],
    ["serve", "--port", "0", "--max-connections-per-address", "0"],
    ["serve", "--port", "0", "--access-log", join(cwd, "missing", "access.log")],
    ["serve", "--port", "0", "--access-log", cwd],
    ["serve"],
  ];
  const errors = (await documentsOf(t, cwd, lines, { PORT: "eighty" })).map(({ document }) => document.error);
  assert.deepEqual(
    errors.map((error) => error?.code),
    ["USAGE", "USAGE", "FILE_UNUSABLE", "FILE_UNUSABLE", "USAGE"],
  );
  assert.match(String(errors[0]?.message), /--max-connections 0 is not a whole number from 1 /);
  assert.match(String(errors[4]?.message), /^PORT eighty is not a whole number/);
});

test("verbs say where a file lies in the place of _target", async (t) => {
  const cwd = await temporaryFolder(t);
  await mkdir(join(cwd, "site"));
  await writeFile(join(cwd, "site", "_target"), "");
  const lines = ["prune", "status", "history", "rollback"].map((verb) => [verb, "--site-root", "site"]);
  for (const { document } of await documentsOf(t, cwd, lines)) {
    assert.equal(document.error?.code, "FILE_UNUSABLE");
    assert.match(String(document.error?.message), /_target is a file; releases lie in a folder of this name/);
  }
});

test("a port that this account may not have is told apart from one that another program has", () => {
  const place = { host: "::1", port: 80 };
  const denied = listenError("EACCES", place);
  assert.deepEqual([denied?.code, denied?.exitCode], ["ACCESS_DENIED", 1]);
  assert.match(
    `${denied?.message} ${denied?.hint}`,
    /may not listen on \[::1\]:80\. .*1024.*--port, or PORT/,
  );
  assert.equal(listenError("EADDRINUSE", place)?.code, "PORT_IN_USE");
  assert.match(
    String(listenError("EADDRINUSE", { host: "127.0.0.1", port: 8080 })?.message),
    /on 127\.0\.0\.1:8080/,
  );
  assert.equal(listenError("EADDRNOTAVAIL", place), undefined);
});
