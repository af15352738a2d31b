/** What people, editors, operating systems and copying programs put beside the releases. */
export interface DropCase {
  readonly name: string;
  readonly content: string | Buffer;
}

/** A script that would tell it if any part of it was ever run. */
const SCRIPT = "#!/bin/sh\nexit 3\n";
const MODULE = 'throw new Error("it ran")';
const ELF_TYPES = { object: 1, executable: 2, shared: 3, core: 4 };

/** The header of a file of ELF's; littleEndian: as amd64 and arm64 write it. */
function elf(type: keyof typeof ELF_TYPES, littleEndian = true): Buffer {
  const header = Buffer.alloc(64);
  header.write("7f454c4602", "hex");
  header[5] = littleEndian ? 1 : 2;
  if (littleEndian) header.writeUInt16LE(ELF_TYPES[type], 16);
  else header.writeUInt16BE(ELF_TYPES[type], 16);
  return header;
}

/** Names by themselves, as a program or a folder. */
function named(content: string, names: readonly string[]): DropCase[] {
  return names.map((name) => ({ name, content }));
}

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
  { name: "server.so.1", content: elf("shared") },
  { name: "app - Copy.mjs", content: "process.exit(3)" },
  { name: "app (1).mjs", content: "process.exit(3)" },
  { name: "New folder/index.mjs", content: "process.exit(3)" },
  { name: "docs/notes.txt", content: "touch ran-by-shell\n" },
  { name: "textual/start.sh.txt", content: "touch ran-by-shell\n" },
  { name: "entry/_entry.txt", content: "readme" },
  { name: "entry/readme", content: "touch ran-by-shell\n" },
  { name: "core", content: elf("core") },
  { name: "core.1234", content: elf("core") },
  { name: "vgcore.99", content: elf("core") },
  { name: "dump-of-app", content: elf("core", false) },
  { name: "app.ko", content: elf("object") },
  { name: "linked", content: elf("object") },
  { name: "short", content: elf("executable").subarray(0, 17) },
  ...named(MODULE, [
    "app (Anna conflicted copy 2024-01-31).js",
    "app (Unicode Encoding Conflict 1).js",
    "app (conflicted copy 2024-01-31 120000).js",
    "app (SFConflict anna@example.com 2024-01-31-12-00-00).js",
    "app_conflict-20240131-120000.js",
    "app.sync-conflict-20240131-120000-ABCDEFG.js",
    "app.Conflict1.js",
    "app - Copy (2).mjs",
    "app (3rd copy).js",
    "app copy 2.js",
    "Copy of app.js",
    "app_BASE_1234.js",
    "app_REMOTE_1234.js",
    "app_LOCAL_1234.js",
    "app_BACKUP_1234.js",
    "app.bak.js",
    "app-backup.js",
    "app-old.mjs",
  ]),
  ...named(SCRIPT, [
    "app.dpkg-old",
    "app.dpkg-dist",
    "app.ucf-old",
    "app.opkg-new",
    "app.rpmsave",
    "app.rpmnew",
    "app.pacnew",
    "app.new",
    "app.js___jb_tmp___",
    "app.kate-swp",
    "app.crswap",
    "app.swn",
    "app.js.1",
    "app.mine",
    "app,v",
    "app.bck",
    "app.backup",
    "app.bak.20240131",
    "app.inprogress",
    "app.uploading",
    "app.part.minio",
    "app.lftp-pget-status",
    "app.aria2",
    "4913",
    "nohup.out",
  ]),
  ...named(
    MODULE,
    [
      "__MACOSX",
      "lost+found",
      "System Volume Information",
      "nppBackup",
      "node_modules",
      "app.dSYM",
      "backup",
      "tmp",
    ].map((folder) => `${folder}/index.js`),
  ),
];

/** These are none either: watchers know them by their names, and launch.sh, which has to be short, does not. */
export const KNOWN_TO_WATCHERS: readonly DropCase[] = [
  ...named(MODULE, [
    "app-DESKTOP-AB12CD3.js",
    "app-LAPTOP-AB12CD34-2.js",
    "app-Annas-MacBook-Pro.js",
    "app_ANNA-PC_Jan-31-120000-2024_CaseConflict_1.js",
    "app (Copie en conflit de Anna 2024-01-31).js",
    "app (Annas in Konflikt stehende Kopie 2024-01-31).js",
    "app..path2",
    "app (Kopie).js",
    "app (weitere Kopie).js",
    "app (copia).js",
    "app (copy 2).js",
    "app(1).js",
    "app のコピー.js",
    "Kopie von app.js",
    "Copie de app.js",
    "Copia (2) di app.js",
    "Kopia app.js",
    "app - Shortcut.js",
    "app - Verknüpfung.js",
    "app alias.js",
    "Link to app.js",
    "app_copy.js",
    "app.LOCAL.js",
    "app.js-baseline",
    "app.js~HEAD",
    "app.old-2024-01-31.js",
    "app_backup_20240131.js",
    "app.tmp.js",
  ]),
  ...named(SCRIPT, [
    "app.r123",
    "app@2024-01-31_120000",
    "app.js.2024-01-31",
    "app.merge-left.r12",
    "app.js.sb-1a2b3c4d-AbC123",
    "tmp.aBcDeF1234",
    "sedAb12Cd",
    "app.gcstmp",
    "app.cyberduckpart",
    "app.part1",
    "perf.data",
  ]),
  ...named(
    MODULE,
    ["Neuer Ordner", "Trash-1000", "__pycache__", "Temporary Items"].map((name) => `${name}/index.js`),
  ),
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
  { name: "executable", content: elf("executable") },
  { name: "independent-of-position", content: elf("shared") },
  { name: "big-endian", content: elf("executable", false) },
  // Finder's "keep both" names what was dropped last so, and a person a release.
  ...named(MODULE, [
    "release 2.mjs",
    "app 2.js",
    "v2.0.1.mjs",
    "hello-fix.mjs",
    "hello-new.mjs",
    "copyright.mjs",
    "backup.mjs",
    "backup-service.mjs",
    "old-shop.mjs",
    "tmp-shop.js",
    "conflict-resolver.js",
    "app (final).mjs",
    "app.part.mjs",
    "app.r12.mjs",
    "fix for conflict.mjs",
    "core.mjs",
    "Photocopy.js",
    "shop-4be1a9c0de.mjs",
    "backup-service-1a2b3c4d5e.mjs",
  ]),
  ...named(SCRIPT, [
    "app.20240131",
    "Contoso.Core",
    "app_1.0~rc1",
    "shop-4be1a9c0de.2",
    "app-2024-01-31",
    "renew",
  ]),
];
