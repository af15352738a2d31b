/** What people, editors, operating systems and copying programs put beside the releases. */
export interface DropCase {
  readonly name: string;
  readonly content: string | Buffer;
}

/** A script that would tell it if any part of it was ever run. */
const SCRIPT = "#!/bin/sh\nexit 3\n";
const ELF = Buffer.from("7f454c460201010000000000", "hex");

/** None of these is a release, for no launcher and no watcher of a system that is neither Windows nor macOS. */
export const NO_RELEASES: readonly DropCase[] = [
  { name: "README.txt", content: "touch ran-by-shell\nread me please\n" },
  { name: "NOTES", content: "touch ran-by-shell\n" },
  { name: "Thumbs.db", content: Buffer.from("d0cf11e0a1b11ae1", "hex") },
  { name: "desktop.ini", content: "[.ShellClassInfo]\r\nIconFile=a.ico\r\n" },
  { name: "hello-fix.mjs.lock", content: "touch ran-by-shell\n" },
  { name: "hello-fix.mjs.6eF0A1b2", content: "touch ran-by-shell\n" },
  { name: "app.pdb", content: "Microsoft C/C++ MSF 7.00\r\n" },
  { name: "app.mjs.map", content: '{"version":3}' },
  { name: "app.mjs.sha256", content: "0123456789abcdef  app.mjs\n" },
  { name: "web.config", content: "<configuration/>" },
  { name: "plan.xlsx", content: Buffer.from("504b030414000600", "hex") },
  { name: "app.py", content: "import http.server\n" },
  { name: "app.exe", content: Buffer.from("4d5a9000", "hex") },
  { name: "Run.CMD", content: "@echo off\r\n" },
  { name: "mac", content: Buffer.from("cffaedfe07000001", "hex") },
  { name: "empty", content: "" },
  { name: "server.bak", content: SCRIPT },
  { name: "server.6eF0A1b2", content: SCRIPT },
  { name: "server.so.1", content: ELF },
  { name: "app - Copy.mjs", content: "process.exit(3)" },
  { name: "app (1).mjs", content: "process.exit(3)" },
  { name: "New folder/index.mjs", content: "process.exit(3)" },
  { name: "docs/notes.txt", content: "touch ran-by-shell\n" },
  { name: "textual/start.sh.txt", content: "touch ran-by-shell\n" },
  { name: "entry/_entry.txt", content: "readme" },
  { name: "entry/readme", content: "touch ran-by-shell\n" },
];

/** Names that are none either, and of which nothing is said. */
export const TEMPORARY: readonly string[] = [
  ".DS_Store",
  "._app.mjs",
  ".gitkeep",
  ".app.mjs.6eF0A1",
  "app.mjs.part",
  "app.mjs.filepart",
  "app.mjs.crdownload",
  "app.mjs~",
  ".app.mjs.swp",
  "~$plan.xlsx",
];

/** All these are, whatever the permission to run has become in the copy. */
export const RELEASES: readonly DropCase[] = [
  { name: "app.2024.MJS", content: "process.exit(3)" },
  { name: "site-0123456789", content: SCRIPT },
  { name: "Contoso.Portal", content: SCRIPT },
  { name: "app.armv7l", content: SCRIPT },
  { name: "app.py", content: "#!/usr/bin/env python3\nraise SystemExit(3)\n" },
  { name: "plain.sh", content: "exit 3\n" },
  { name: "my copy of it/server.js", content: "process.exit(3)" },
  { name: "named/_entry.txt", content: "bin/run" },
  { name: "named/bin/run", content: SCRIPT },
];
