/** broken: the site does not serve, or the next release will not. risk: it will fail one day. */
export type Severity = "broken" | "risk";

/** What doctor can find, and what to do about it; docs/doctor.md lists the same. Codes are never renamed. */
export const FINDINGS = {
  POINTER_UNSOUND: [
    "broken",
    "Write one line, _target/NAME, to _artifact.txt; inplace-deploy rollback does.",
  ],
  POINTER_MOUNTED: ["broken", "Mount the site's folder, or _target, instead of the single file."],
  POINTER_DANGLING: [
    "broken",
    "inplace-deploy rollback makes an artifact current that is there; or deploy again.",
  ],
  POINTER_IN_FUTURE: ["risk", "Correct the clock, then deploy again: until then drops by hand look old."],
  NO_ARTIFACT: ["broken", "Deploy the site, or copy a build into _target."],
  CURRENT_FAILED: [
    "broken",
    "Deploy a mended commit, or inplace-deploy rollback; read the reason in inplace-deploy history.",
  ],
  CURRENT_UNPROVEN: [
    "risk",
    "Read what the app says: does it listen on PORT, and answer there? inplace-deploy rollback goes back.",
  ],
  NO_ENTRY_POINT: ["broken", "Name the program in _entry.txt inside the artifact's folder."],
  ARTIFACT_ALTERED: ["broken", "inplace-deploy deploy --rebuild, or inplace-deploy rollback."],
  ARTIFACT_UNSIGNED: [
    "broken",
    "Deploy with --sign and the private key that belongs to the site's public key.",
  ],
  SIGNING_KEY_INVALID: [
    "broken",
    "Keep an Ed25519 public key outside the site; inplace-deploy keygen makes one.",
  ],
  ARCHIVE_WAITS: [
    "risk",
    "Archives are unpacked by the running app only: start it, or drop the unpacked folder.",
  ],
  NOT_WRITABLE: ["broken", "Give the account that deploys and the one that runs the site write access."],
  UNREADABLE: ["broken", "Look at what lies there, and who may read it: the check could not."],
  WORLD_WRITABLE: ["risk", "chmod o-w: who may write there decides what the site runs."],
  DISK_LOW: ["risk", "inplace-deploy prune removes old releases."],
  CONFIG_UNSOUND: [
    "broken",
    "Correct inplace.config.json; docs/configuration.md of this package lists all keys.",
  ],
  RUNTIME_MISSING: ["risk", "Deploy again: it installs the runtime, without which Node apps do not drain."],
  LOCK_LEFT: ["risk", "The next deploy takes it over; inplace-deploy unlock removes it."],
  HISTORY_DAMAGED: ["risk", "Look at .inplace/history.jsonl; damaged lines are skipped."],
  APP_OFFLINE: ["broken", "Remove app_offline.htm: while it is there, every request is answered with 503."],
  WEB_CONFIG_MISSING: ["risk", "inplace-deploy serve and IIS need a web.config; other hosts do not."],
  WEB_CONFIG_UNSOUND: [
    "broken",
    "Correct web.config at the place named: IIS answers 500.19 to all requests.",
  ],
  HANDLER_MISSING: ["broken", "Install HttpPlatformHandler: without it IIS answers 500.19 to all requests."],
  HANDLER_LACKS_ATTRIBUTE: [
    "broken",
    "Leave the attribute out, or install the handler that has it: IIS answers 500.19 to all requests.",
  ],
  LAUNCHER_MISSING: ["broken", "Put launch.cmd and launch.sh into the site; inplace-deploy deploy does."],
  LAUNCHER_DETACHES: [
    "broken",
    "Call the program without `start`: the handler takes the launcher's end for the app's.",
  ],
  LAUNCHER_LINE_ENDS: [
    "broken",
    "Deploy again, which gives launch.sh the LF line ends that it needs; .gitattributes of inplace-deploy init keeps them.",
  ],
  PROGRAM_MISSING: ["broken", "Correct processPath in web.config, or install the program that it names."],
  VARIABLE_UNSET: ["risk", "Set the variable for the account that runs the site, or write its value."],
  PATH_NOT_HERE: ["risk", "Name something in the site, by a path relative to it."],
  SETTING_WITHOUT_EFFECT: [
    "risk",
    "Let the application do it, or what stands in front: without IIS nobody reads the setting.",
  ],
  LOG_OUTSIDE: ["risk", "Log into the site, or make sure that its account may write there."],
  PATH_NOT_QUOTED: ["broken", "Put the path into &quot; in web.config: the handler splits it at the blank."],
  RAPID_FAILS_LOW: ["risk", "Raise rapidFailsPerMinute: each recycle ends every process once."],
  RECYCLE_UNDER_IIS: [
    "risk",
    "Leave rollout out of the configuration and deploy: in a handover nobody is turned away. Where the app may not run twice, keep its requests short.",
  ],
  HANDOVER_WITHOUT_NODE: [
    "risk",
    "Put Node 20 or newer on the PATH of the site's account: without it the launcher recycles.",
  ],
  START_NEAR_LIMIT: ["risk", "Raise startupTimeLimit, or make the start faster."],
  DRAIN_TOO_LONG: ["risk", "Lower drain.deadlineMs below requestTimeout: the handler gives up earlier."],
  IPV6_LOOPBACK_ONLY: ["broken", "Listen on 127.0.0.1: handlers connect to that address only."],
  LISTENS_ON_LOCALHOST: ["risk", "Listen on 127.0.0.1: localhost is ::1 on some machines."],
  KUDU_APP_OFFLINE: ["risk", "Set SCM_CREATE_APP_OFFLINE=0: Kudu takes the site offline for every deploy."],
  KUDU_TOUCHES_WEB_CONFIG: [
    "risk",
    "Set SCM_TOUCH_WEBCONFIG_AFTER_DEPLOYMENT=0: Kudu restarts the app once more after every deploy.",
  ],
  NO_FILE_EVENTS: ["risk", "Raise fs.inotify.max_user_watches and max_user_instances; polling goes on."],
  SHARE_NEEDS_POLLING: [
    "risk",
    "Let the program look at _artifact.txt every few seconds: what other machines write raises no event here.",
  ],
  CLOCK_SKEW: ["risk", "Let both machines keep their clocks by NTP: which drop is newer is told by time."],
  NODE_TOO_OLD: ["broken", "Install Node 20.19 or newer."],
} as const satisfies Record<string, readonly [Severity, string]>;

export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What was found, with the path or value. */
  readonly what: string;
  readonly cure: string;
}

/** `cure`: what helps this one, where more is known than the list says. */
export function finding(code: FindingCode, what: string, cure: string = FINDINGS[code][1]): Finding {
  return { code, severity: FINDINGS[code][0], what, cure };
}
