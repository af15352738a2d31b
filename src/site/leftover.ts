/** "Copy" in the languages of file managers, and what stands between it and a name. */
const COPY =
  "copy|kopie|kopia|kopi|kopio|kopya|copie|copia|cópia|kópia|másolat|копия|копія|コピー|副本|复件|複本|복사본|사본";
const OF = "of|von|van|de|di|do|af|av|z";
const SHORTCUT =
  "shortcut|verknüpfung|raccourci|acceso directo|collegamento|snelkoppeling|atalho|skrót|genvej|genväg|snarvei|ярлык|ショートカット|快捷方式|捷徑|바로 가기";
const CONFLICT = "conflict|konflikt|conflit|konfliktu|конфликт|競合|冲突|衝突|충돌";
const BACKUP = "bak|bck|bkp|bkup|backups?|old|orig";
/** 2024-01-31, 20240131, 2024-01-31_120000. A UTC timestamp of a deploy is one run of digits, see MADE_BY_DEPLOY. */
const DATE = "20\\d\\d-?\\d\\d-?\\d\\d(?:[T_-]?\\d\\d-?\\d\\d(?:-?\\d\\d)?)?";
const NUMBER = `[._ -]?(?:${DATE}|\\d{1,2}|\\(\\d+\\))`;
const PROGRAM = "\\.(?:[cm]?js|sh|py|rb|pl|php|jar|exe|com|cmd|bat)";
/** An extension begins with a letter, so that an id as 20240131.2 has none. */
const END = "(?:\\.[a-z][^. ]*)?$";

/** What it is by its name, in words that follow "it is"; each with the programs that give such names. */
const LEFTOVERS: readonly { readonly what: string; readonly names: readonly RegExp[] }[] = [
  {
    what: "a copy or a shortcut that a file manager made",
    names: [
      ignoringCase(` - (?:${COPY}|${SHORTCUT})(?: \\(\\d+\\))?${END}`), // Explorer.
      ignoringCase(`(?:[ _.-](?:${COPY})| alias)(?: ?\\(?\\d+\\)?)?${END}`), // Finder, VS Code; WinSCP and panels of hosts: app-copy.js.
      ignoringCase(`\\((?:[^()]* )?(?:${COPY})(?: \\d+)?\\)${END}`), // Nautilus: (copy), (3rd copy), (weitere Kopie); Thunar: (copy 2).
      ignoringCase(`(?:の|的)(?:コピー|副本)(?: \\d+)?${END}`), // Finder.
      ignoringCase(`(?: \\(\\d+\\)|[^ ]\\(\\d{1,3}\\))${END}`), // Explorer, Dolphin, Chrome; Firefox without the blank.
      ignoringCase(`^(?:${COPY}|backup)(?:[ _]\\(\\d+\\))?[ _](?:${OF})[ _]`), // Explorer of Windows XP, Google Drive.
      ignoringCase("^(?:link to|shortcut to|verknüpfung mit|lien vers|enlace a|collegamento a) "), // Nautilus.
      ignoringCase("^(?:kopia|копия|コピー|复件|複本) "), // Where the language has no word for "of".
    ],
  },
  {
    what: "a folder that waits for its name",
    names: [
      /^(new folder|untitled folder|neuer ordner|nouveau dossier|nueva carpeta|nuova cartella|nova pasta|nieuwe map|新しいフォルダー|新建文件夹)( \(?\d+\)?)?$/iu,
    ],
  },
  {
    what: "a conflict copy of a syncing program",
    names: [
      ignoringCase(`\\([^()]*(?:${CONFLICT})[^()]*\\)${END}`), // Dropbox, Nextcloud, ownCloud, Seafile, pCloud, Box, Tresorit.
      ignoringCase(`[_-](?:${CONFLICT})(?:-[^.]+)?-\\d{8}-\\d{6}${END}`), // Nextcloud and ownCloud before 2.5.
      ignoringCase(`\\.sync-conflict-\\d{8}-\\d{6}(?:-[A-Z0-9]+)?${END}`), // Syncthing.
      ignoringCase(`[_.](?:case|whitespace|tailcharacter)?conflict(?:ed)?(?:_?\\d+)?${END}`), // Synology Drive, Resilio, rclone.
      ignoringCase(`\\.\\.?path[12]${END}`), // rclone bisync.
      // OneDrive appends the name of a machine: as Windows and macOS name them.
      /-(DESKTOP-[A-Z0-9]{7}|LAPTOP-[A-Z0-9]{8}|WIN-[A-Z0-9]{11}|[A-Z0-9]+-PC|[^.]*(MacBook|iMac|Mac[ -]mini)([ -](Pro|Air))?)(-\d+)?(\.[a-z]\w*)?$/,
    ],
  },
  {
    what: "a backup",
    names: [
      ignoringCase(`[._ -](?:${BACKUP})(?:${NUMBER})?${END}`),
      ignoringCase(`^(?:${BACKUP})$`),
      ignoringCase(`\\.(?:save|saved|prev|previous|distrib|augsave|cfsaved)(?:${NUMBER})?$`), // nano, Augeas, CFEngine.
      ignoringCase(`${PROGRAM}[._-](?:\\d{1,3}|${DATE})$`), // logrotate, wget.
      ignoringCase(`[@~]${DATE}${END}`), // Snapshots.
    ],
  },
  {
    what: "what a merge or a version control program leaves",
    names: [
      /[._](BASE|LOCAL|REMOTE|BACKUP|THIS|OTHER|MINE|THEIRS)([._]\d+)?(\.[a-z]\w*)?$/, // git mergetool, TortoiseGit, Bazaar.
      /\.(mine|working|prej|rej|merge-(left|right)|moved|r\d+)(\.r\d+)?$/i, // Subversion, patch.
      ignoringCase(`(?:${PROGRAM}-(?:original|baseline|merge)|-darcs-backup\\d*|,v)$`), // Fossil, Darcs, RCS.
      ignoringCase(`(?:${PROGRAM}~.+|~(?:head|updated upstream|stashed changes)(?:_\\d+)?)$`), // git, where a name was a file and a folder.
    ],
  },
  {
    what: "what a packaging program leaves",
    names: [/\.((dpkg|ucf|opkg|apk)-[a-z]+|rpm(save|new|orig|moved)|pac(new|save|orig)(\.\d+)?|new)$/i],
  },
  {
    what: "what an editor or a system tool writes for a while",
    names: [
      /(___jb_(tmp|old|bak)___|\.kate-swp|\.crswap|\.sw[a-px]|\.sb-[0-9a-f]{8}-\w{6}|\.lock|\.lck|\.pid)$/i, // JetBrains, Kate, Chrome, vim, macOS.
      ignoringCase(`\\.(?:tmp|temp)(?:${NUMBER})?${END}`),
      /^(4913|5036|5159|5282)$/, // vim tries with these whether it can write to a folder.
      /^(tmp\.\w{6,10}|tmp[a-z0-9_]{8}|sed(?=.*[A-Z0-9])[A-Za-z0-9]{6})$/, // mktemp, Python, sed -i.
      /^(tmp|temp|trash)$/i,
    ],
  },
  {
    what: "a copy or a download that is under way",
    names: [
      /\.(in-?progress|upload(ing|ed)?|download(ing|ed)|copying|incomplete|unfinished|unconfirmed|opdownload|rsync-partial)$/i,
      /(\.(part[.-](?!([cm]?js|sh|exe|com|cmd|bat)$)\w+|part\d+|aria2|aria2__temp|lftp-pget-status|cyberduck(part|segment)|gcstmp|ffs_(tmp|lock|db)|ytdl)|_\.gstmp)$/i,
      // rsync (--temp-dir) and aws s3: six or eight characters at random. Without a capital letter, and a digit before a letter,
      // it may be a word or a version.
      /\.(?=[^.]*[A-Z])(?=[^.]*\d[A-Za-z])[A-Za-z0-9]{6}([A-Za-z0-9]{2})?$/,
    ],
  },
  {
    what: "part of a program, or what lies beside one",
    names: [
      /\.(dll|dylib|node|o|obj|a|lib|ko|so|so\.[\d.]+|dbg|debug|pdb|dsym|ilk|map|sha\d+|md5|sig|minisig|asc)$/i,
    ],
  },
  {
    what: "a dump or an output of a program",
    names: [/^(vgcore|core)\.\d+$/, /^(nohup|gmon)\.out$/, /^perf\.data$/, /\.(stackdump|m?dmp|hprof)$/i],
  },
  {
    what: "a folder of the system or of a program",
    names: [
      /^(__MACOSX|Temporary Items|Network Trash Folder|TheVolumeSettingsFolder|lost\+found|trash-\d+|System Volume Information|recycle[rd]|found\.\d{3}|msocache|perflogs|nppBackup|_gsdata_|node_modules|__pycache__|CVS|RCS|SCCS|_darcs)$/i,
    ],
  },
];

/** `<site>-<id>` with a commit, a timestamp or a GUID for an id: whatever the site is called. An ending that says otherwise counts. */
const MADE_BY_DEPLOY =
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}-([0-9a-f]{10}|\d{14}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(-dirty[0-9a-f]{6})?(\.([2-9]|[1-9]\d+))?(\.([cm]?js|sh|exe|com|cmd|bat))?$/;

/**
 * What a copying, syncing, editing, merging or packaging program, or a person, leaves beside the releases, by its name and whatever
 * is in it: in words that follow "it is". Undefined for what may be a release: so "release 2.mjs" is, and what Finder keeps under
 * such a name is what was dropped last. What is known by a manifest is not to be asked for.
 */
export function leftoverKind(name: string): string | undefined {
  if (MADE_BY_DEPLOY.test(name)) return undefined;
  return LEFTOVERS.find(({ names }) => names.some((one) => one.test(name)))?.what;
}

function ignoringCase(source: string): RegExp {
  return new RegExp(source, "iu");
}
