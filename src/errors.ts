/** Exit codes of the command; part of the public contract. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  buildFailed: 3,
  artifactInvalid: 4,
  lockHeld: 5,
  unhealthy: 6,
  timedOut: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface ErrorEntry {
  readonly exit: ExitCode;
  /** What to do about it, where the place that throws knows nothing better. */
  readonly hint: string;
}

/** Every expected failure. A code is never renamed and never used again for something else. */
export const ERROR_CODES = {
  USAGE: { exit: EXIT.usage, hint: "Run inplace-deploy --help." },
  INTERNAL: {
    exit: EXIT.failed,
    hint: "This is a defect of inplace-deploy; please report it with the text above.",
  },
  TOO_MANY_FILES: { exit: EXIT.failed, hint: "Raise the limit on open files (ulimit -n), then try again." },
  INTERRUPTED: { exit: EXIT.interrupted, hint: "Nothing was changed; run the command again." },
  CONFIG_UNREADABLE: { exit: EXIT.usage, hint: "Write the configuration as one JSON object." },
  CONFIG_INVALID: {
    exit: EXIT.usage,
    hint: "Correct the value; docs/configuration.md of this package lists all keys.",
  },
  CONFIG_UNKNOWN_KEY: {
    exit: EXIT.usage,
    hint: "Correct or remove the key; docs/configuration.md of this package lists all.",
  },
  SITE_ROOT_MISSING: {
    exit: EXIT.usage,
    hint: "Name an existing folder with --site-root, or run the command inside the site.",
  },
  NOT_A_SITE: {
    exit: EXIT.usage,
    hint: "Run the command in the site's folder, or name it with --site-root; in an app, inplace-deploy init makes one.",
  },
  SOURCE_MISSING: {
    exit: EXIT.usage,
    hint: "Name an existing folder with --source or DEPLOYMENT_SOURCE, or run the command inside it.",
  },
  SITE_NAME_INVALID: {
    exit: EXIT.usage,
    hint: "Use letters, digits, '.', '_' and '-' (at most 64), beginning with a letter or a digit.",
  },
  SITE_NOT_WRITABLE: { exit: EXIT.failed, hint: "Give the deploying account write access to the site root." },
  DEPLOY_FOLDER_UNSAFE: {
    exit: EXIT.failed,
    hint: "Look who made it. Deploy as the account that it belongs to, or remove it and deploy again.",
  },
  RECORD_UNSAFE: { exit: EXIT.failed, hint: "Look who made it, remove it, then try again." },
  OTHER_ACCOUNT: { exit: EXIT.failed, hint: "Run the command as the account that the folder belongs to." },
  FILE_EXISTS: {
    exit: EXIT.usage,
    hint: "Look at the difference, then use --force to replace what is there.",
  },
  ACCESS_DENIED: {
    exit: EXIT.failed,
    hint: "Give the account that runs this the right to the file that is named.",
  },
  FILE_UNUSABLE: {
    exit: EXIT.failed,
    hint: "Look at what lies there: another kind of file, a loop of links, too long a name, a failing disk.",
  },
  DISK_FULL: {
    exit: EXIT.failed,
    hint: "Free space on the site's disk (inplace-deploy prune), then try again.",
  },
  NOT_A_REPOSITORY: { exit: EXIT.usage, hint: "Run the command inside a git repository that git can read." },
  NOT_A_BARE_REPOSITORY: {
    exit: EXIT.usage,
    hint: "Run the command in a repository made by git init --bare.",
  },
  HOOK_EXISTS: { exit: EXIT.usage, hint: "Use --force; the present hook is then kept beside it." },
  GIT_FAILED: { exit: EXIT.failed, hint: "Read git's words above; the same command by hand shows more." },
  GIT_MISSING: {
    exit: EXIT.failed,
    hint: "Install git, and see that the PATH of this account leads to it.",
  },
  COMMIT_INVALID: {
    exit: EXIT.usage,
    hint: "A commit id has 7 to 64 hexadecimal digits; a deployment's own id holds a digit, and else letters, '.', '_' and '-'. For a branch, a tag or HEAD~1: --commit $(git rev-parse HEAD~1).",
  },
  COMMIT_UNKNOWN: { exit: EXIT.usage, hint: "Fetch the commit, or name one that git log shows." },
  BUILD_NOT_CONFIGURED: {
    exit: EXIT.usage,
    hint: "Add build to inplace.config.json; docs/configuration.md of this package shows the builders.",
  },
  BUILD_TIMED_OUT: { exit: EXIT.buildFailed, hint: "Mend what hangs, or raise build.timeLimitMs." },
  POSTJECT_MISSING: { exit: EXIT.buildFailed, hint: "Run npm install --save-dev postject in the source." },
  LINK_OUTSIDE: { exit: EXIT.buildFailed, hint: "Replace the link by the file or folder it names." },
  LOCKFILE_UNSUPPORTED: {
    exit: EXIT.buildFailed,
    hint: "Let the build fill node_modules (for example pnpm deploy), or set build.install to false.",
  },
  BUILD_FAILED: { exit: EXIT.buildFailed, hint: "Mend the build; the site still runs what it ran before." },
  BUILD_EMPTY: { exit: EXIT.buildFailed, hint: "The build has to create what ARTIFACT names, with content." },
  BUILD_STALE: {
    exit: EXIT.buildFailed,
    hint: "Let build.command make it, or build before the deploy; build.allowIgnored takes it as it is.",
  },
  BUILD_OUTSIDE: { exit: EXIT.buildFailed, hint: "The build may write only to the path in ARTIFACT." },
  SYNC_FAILED: { exit: EXIT.failed, hint: "Close the program that holds the file, then deploy again." },
  POST_ACTION_FAILED: { exit: EXIT.failed, hint: "Mend the post-deployment action, then deploy again." },
  ARTIFACT_NAME_INVALID: { exit: EXIT.artifactInvalid, hint: "Name it as inplace-deploy history lists it." },
  ARTIFACT_MISSING: {
    exit: EXIT.artifactInvalid,
    hint: "inplace-deploy history lists the artifacts that are still there.",
  },
  ARTIFACT_AMBIGUOUS: { exit: EXIT.usage, hint: "Type more of the name, or all of it." },
  ARTIFACT_INCOMPLETE: { exit: EXIT.artifactInvalid, hint: "Build or copy the artifact again." },
  NOT_A_PROGRAM: {
    exit: EXIT.artifactInvalid,
    hint: "Name it as what starts it (.mjs, .js, .cjs, .sh; .exe, .cmd on Windows), or let it begin with #! and its interpreter.",
  },
  ARTIFACT_ALTERED: {
    exit: EXIT.artifactInvalid,
    hint: "Deploy the commit again with --rebuild, or roll back to another artifact.",
  },
  ARTIFACT_UNSIGNED: { exit: EXIT.artifactInvalid, hint: "Deploy it with --sign and the site's key." },
  SIGNING_KEY_INVALID: { exit: EXIT.usage, hint: "inplace-deploy keygen makes a pair of keys." },
  KEY_EXPOSED: {
    exit: EXIT.usage,
    hint: "Name a folder outside with --out, or leave it out; --force writes it there all the same.",
  },
  ARCHIVE_UNSAFE: {
    exit: EXIT.artifactInvalid,
    hint: "Pack the archive anew, with plain files and folders only, or drop the unpacked folder.",
  },
  ARCHIVE_DAMAGED: { exit: EXIT.artifactInvalid, hint: "Copy or pack the archive again." },
  POINTER_UNREADABLE: {
    exit: EXIT.artifactInvalid,
    hint: "Make _artifact.txt a readable file, or remove it.",
  },
  POINTER_MOUNTED: {
    exit: EXIT.failed,
    hint: "Mount the site's folder, or _target, instead of the single file.",
  },
  POINTER_INVALID: {
    exit: EXIT.artifactInvalid,
    hint: "_artifact.txt holds one line, _target/NAME; inplace-deploy rollback writes a sound one.",
  },
  POINTER_ESCAPES: {
    exit: EXIT.artifactInvalid,
    hint: "The pointer may only name something directly inside _target; inplace-deploy rollback writes a sound one.",
  },
  LOCK_HELD: { exit: EXIT.lockHeld, hint: "Wait for the other deploy to end, then try again." },
  LOCK_SUPERSEDED: { exit: EXIT.lockHeld, hint: "Nothing to do: the newer deploy goes first." },
  LOCK_LOST: { exit: EXIT.lockHeld, hint: "Nothing was published; run the deploy again." },
  CONFIRMATION_NEEDED: { exit: EXIT.usage, hint: "Where nobody can be asked, --yes says so beforehand." },
  DECLINED: { exit: EXIT.failed, hint: "Nothing has changed." },
  NOTHING_TO_ROLL_BACK: {
    exit: EXIT.artifactInvalid,
    hint: "inplace-deploy history lists what can be rolled back to.",
  },
  ARTIFACT_MARKED_FAILED: { exit: EXIT.artifactInvalid, hint: "Use --force to start it all the same." },
  WEB_CONFIG_MISSING: {
    exit: EXIT.usage,
    hint: "Create a web.config (inplace-deploy init), or name the folder that holds it.",
  },
  WEB_CONFIG_INVALID: { exit: EXIT.usage, hint: "Correct web.config at the place named." },
  NAME_AMBIGUOUS: { exit: EXIT.usage, hint: "Keep one of them: Windows knows no case of names." },
  PROGRAM_MISSING: {
    exit: EXIT.usage,
    hint: "Correct processPath in web.config, or install the program that it names.",
  },
  PORT_IN_USE: {
    exit: EXIT.failed,
    hint: "Stop the other program, or choose another port: --port, or the variable PORT.",
  },
  START_FAILED: { exit: EXIT.unhealthy, hint: "Read the last output of the process above." },
  LISTENER_STOPPED: { exit: EXIT.failed, hint: "Create a new server; a drained one does not listen again." },
  HAPROXY_NOT_CONFIGURED: { exit: EXIT.usage, hint: 'Add "haproxy": {} to inplace.config.json.' },
  HAPROXY_MISSING: { exit: EXIT.failed, hint: "Install HAProxy 2.6 or newer (apt-get install haproxy)." },
  HAPROXY_CONFIG_INVALID: { exit: EXIT.usage, hint: 'Correct "haproxy" in inplace.config.json.' },
  HAPROXY_UNREACHABLE: { exit: EXIT.failed, hint: "Start it with inplace-deploy haproxy up." },
  HAPROXY_REFUSED: {
    exit: EXIT.failed,
    hint: "Look at inplace-deploy haproxy status, then run inplace-deploy haproxy up.",
  },
  HOST_UNREACHABLE: {
    exit: EXIT.failed,
    hint: "Mend the connection, or allow for it with --max-unavailable.",
  },
  ROLLOUT_FAILED: { exit: EXIT.unhealthy, hint: "Mend the artifact or the host, then deploy again." },
  SUPERSEDED: { exit: EXIT.failed, hint: "Nothing is wrong: wait for the newer release instead." },
  SUPERVISED_ALREADY: { exit: EXIT.failed, hint: "Use the one that runs, or stop it first." },
  CONTROL_UNTRUSTED: {
    exit: EXIT.failed,
    hint: "Find out who made it, remove it, and start the supervisor again.",
  },
  CONTROL_UNAVAILABLE: {
    exit: EXIT.failed,
    hint: "Mend what is named; the site is served all the same.",
  },
  NOT_SUPERVISED: { exit: EXIT.failed, hint: "Start one with inplace-deploy supervise." },
  TIMED_OUT: { exit: EXIT.timedOut, hint: "Look at inplace-deploy status, then try again." },
} as const satisfies Record<string, ErrorEntry>;
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether a text that another process sent is one: "constructor" is in every object, and no code. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** An expected failure: a stable code, what happened (message) and what to do (hint). Anything else thrown is our bug. */
export class InplaceError extends Error {
  override readonly name = "InplaceError";
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint ?? ERROR_CODES[code].hint;
  }

  get exitCode(): ExitCode {
    return ERROR_CODES[this.code].exit;
  }
}

/** The system error code (ENOENT, EPERM…) of anything thrown, or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** A failed write in the site as the coded error a person can act on; other errors come back as they are. */
export function asSiteError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new InplaceError("SITE_NOT_WRITABLE", `Not allowed to write ${path}.`, { cause: error });
    default:
      return asFileError(error, path);
  }
}

/** What the file system says of a file, as the coded error a person can act on; other errors come back as they are. */
export function asFileError(error: unknown, path?: string): unknown {
  if (!isFileSystemError(error)) return error;
  const message =
    path === undefined || error.message.includes(path) ? error.message : `${path}: ${error.message}`;
  return new InplaceError(FILE_CODES[error.code] ?? "FILE_UNUSABLE", `${message}.`, { cause: error });
}

/** Anything thrown as an error with a code: INTERNAL is what nobody foresaw. */
export function asInplaceError(error: unknown): InplaceError {
  const known = asFileError(error);
  if (known instanceof InplaceError) return known;
  const message = error instanceof Error ? error.message : String(error);
  return new InplaceError("INTERNAL", message, { cause: error });
}

/** Where a defect was thrown, for the log; undefined for what was foreseen. */
export function stackOf(error: unknown): string | undefined {
  if (asInplaceError(error).code !== "INTERNAL") return undefined;
  const thrown = error instanceof InplaceError ? (error.cause ?? error) : error;
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

const FILE_CODES: Readonly<Record<string, ErrorCode>> = {
  EMFILE: "TOO_MANY_FILES",
  ENFILE: "TOO_MANY_FILES",
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",
  EACCES: "ACCESS_DENIED",
  EPERM: "ACCESS_DENIED",
  EROFS: "ACCESS_DENIED",
};
/** What also sets errors of the system, and has words of its own where it is called. */
const OF_OTHERS = /^(accept|bind|connect|getaddrinfo|kill|listen|shutdown|spawn|uv_(?!cwd$))/;

function isFileSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  const code = systemCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return false;
  const { syscall, errno } = error as NodeJS.ErrnoException;
  if (syscall === undefined || errno === undefined) return false;
  return !OF_OTHERS.test(syscall) && code !== "EPIPE" && code !== "ECONNRESET";
}
