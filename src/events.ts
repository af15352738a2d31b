import type { ErrorCode } from "./errors.ts";

/**
 * Everything that happens, as data; only log/ words it. One member per fact; times in milliseconds, artifacts by name.
 * Each part of the product has its own union below; InplaceEvent is all of them.
 */
export type InplaceEvent =
  | CliEvent
  | DeployEvent
  | FrontEvent
  | PlatformEvent
  | SiteEvent
  | SupervisorEvent
  | WatchEvent;

/** Where events go; never throws. */
export type EventSink<E extends InplaceEvent = InplaceEvent> = (event: E) => void;

export type SiteEvent =
  | { readonly type: "pointer-moved"; readonly artifact: string; readonly previous: string | undefined }
  | { readonly type: "artifact-failed"; readonly artifact: string; readonly reason: string }
  /** What follows on a moved pointer failed: the release is current all the same. */
  | { readonly type: "left-undone"; readonly what: string; readonly message: string };

export type CliEvent =
  | {
      readonly type: "command-failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string;
      /** Only for defects of our own. */
      readonly stack: string | undefined;
    }
  /** A verb that takes long has had nothing to say. */
  | { readonly type: "still-at-work"; readonly elapsedMs: number }
  /** What the supervisor would say is left out. */
  | { readonly type: "supervisor-unasked"; readonly code: ErrorCode; readonly message: string };

export type DeployEvent =
  | { readonly type: "lock-wait"; readonly owner: string; readonly pid: number; readonly host: string }
  | { readonly type: "lock-wait-goes-on"; readonly elapsedMs: number }
  /** `artifact` without its extension. */
  | { readonly type: "build-started"; readonly artifact: string; readonly builder: string }
  | { readonly type: "build-output"; readonly line: string }
  /** The artifact was built, and something is wrong with it, or will be elsewhere. */
  | { readonly type: "build-warning"; readonly message: string; readonly hint: string }
  /** Said again and again while a build is silent. */
  | { readonly type: "build-goes-on"; readonly elapsedMs: number }
  | { readonly type: "build-ended"; readonly artifact: string; readonly ms: number }
  | { readonly type: "artifact-reused"; readonly artifact: string }
  | { readonly type: "checkout-started"; readonly commit: string }
  | { readonly type: "checkout-goes-on"; readonly elapsedMs: number }
  /** Of the files beside the artifact; paths relative to the site root. */
  | { readonly type: "file-copied"; readonly path: string }
  | { readonly type: "file-removed"; readonly path: string }
  /** Its releases follow one another by recycling. */
  | { readonly type: "rollout-recycles"; readonly overlap: boolean }
  /** Launchers start something else from now on; what runs was started as before. */
  | { readonly type: "rollout-changed"; readonly rollout: "handover" | "recycle" }
  | { readonly type: "post-action-started"; readonly action: string }
  | { readonly type: "post-action-output"; readonly line: string }
  | { readonly type: "post-action-goes-on"; readonly elapsedMs: number }
  /** A push to another branch than the one that goes live, or the end of a branch. */
  | { readonly type: "push-ignored"; readonly branch: string }
  | { readonly type: "packages-started" }
  /** Said again and again while an installation is silent. */
  | { readonly type: "packages-go-on"; readonly elapsedMs: number }
  | { readonly type: "artifact-pruned"; readonly artifact: string }
  /** It should have been removed, but a program holds it open. */
  | { readonly type: "artifact-locked"; readonly artifact: string };

export type WatchEvent =
  | {
      readonly type: "watching";
      /** "poll": without file system events, for the reason given. */
      readonly by: "events" | "poll";
      readonly reason: "default" | "asked-for" | "network-share";
    }
  /** File system events failed; polling goes on. */
  | { readonly type: "watch-failed"; readonly message: string }
  /** A look at the site failed; the next one may not. */
  | { readonly type: "look-failed"; readonly message: string }
  | { readonly type: "pointer-refused"; readonly code: ErrorCode; readonly message: string }
  /** Something in the target folder that can not become a release. */
  | {
      readonly type: "drop-refused";
      readonly name: string;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  /** They came with a copy of the site, or a backup: nobody dropped them here. */
  | { readonly type: "drops-left-alone"; readonly names: readonly string[] }
  | {
      readonly type: "drop-waiting";
      readonly artifact: string;
      readonly reason: "still-changing" | "open-for-writing";
    }
  /** Before it is taken, everything in it is read, and an archive unpacked, which takes a while at its size. */
  | { readonly type: "drop-reading"; readonly artifact: string; readonly bytes: number }
  | {
      readonly type: "artifact-adopted";
      readonly artifact: string;
      readonly bytes: number;
      readonly ms: number;
    }
  /** It is adopted all the same. */
  | { readonly type: "adoption-unrecorded"; readonly artifact: string; readonly message: string }
  /** An archive by hand became the folder `artifact`. */
  | {
      readonly type: "archive-unpacked";
      readonly archive: string;
      readonly artifact: string;
      readonly files: number;
      readonly bytes: number;
      readonly ms: number;
    }
  /** Releases follow on one another so quickly that the newest is taken once they cease. */
  | { readonly type: "storm" }
  /** This instance waits until another one, which is away, is back. */
  | { readonly type: "turn-waiting"; readonly host: string; readonly pid: number }
  | {
      readonly type: "turn-wait-ended";
      readonly waitedMs: number;
      /** "not-needed": the release failed elsewhere or was taken back, so that this instance stays. */
      readonly end: "taken" | "too-long" | "not-needed";
    }
  /** Taking turns failed; the instance goes without. */
  | { readonly type: "turn-failed"; readonly message: string }
  /** The pointer names an artifact that is marked failed: it is not taken. */
  | { readonly type: "release-skipped"; readonly artifact: string }
  | {
      readonly type: "release-found";
      readonly artifact: string;
      readonly path: string;
      readonly previous: string | undefined;
      /** "replaced": the file of the running artifact is another one now. */
      readonly cause: "pointer" | "replaced";
    };

/** The embedded platform handler and its processes. */
export type PlatformEvent =
  | { readonly type: "handler-listening"; readonly urls: readonly string[] }
  | { readonly type: "handler-stopping" }
  | {
      readonly type: "backend-starting";
      readonly pid: number;
      readonly port: number;
      /** From 1. */
      readonly attempt: number;
    }
  | {
      readonly type: "backend-start-failed";
      /** undefined: it failed before there was a process. */
      readonly pid: number | undefined;
      readonly attempt: number;
      readonly problem: string;
    }
  /** `artifact`: what the process runs, where one of our launchers started it. */
  | {
      readonly type: "backend-ready";
      readonly pid: number;
      readonly port: number;
      readonly artifact: string | undefined;
    }
  /** It has closed its listener and works on what it has. */
  | {
      readonly type: "backend-draining";
      readonly pid: number;
      readonly port: number;
      readonly artifact: string | undefined;
    }
  /** Another program listens where a process that drains has let go; `by.pid` is undefined where it does not show itself. */
  | {
      readonly type: "backend-port-taken";
      readonly pid: number;
      readonly port: number;
      readonly by: { readonly pid: number | undefined; readonly uid: number };
    }
  | { readonly type: "backend-stopping"; readonly pid: number; readonly artifact: string | undefined }
  | {
      readonly type: "backend-exited";
      readonly pid: number;
      readonly artifact: string | undefined;
      readonly code: number | null;
      readonly signal: string | null;
      /** The handler asked for it. */
      readonly asked: boolean;
    }
  /** web.config, app_offline.htm or one of recycleOnFileChange came, went or changed. */
  | { readonly type: "site-file-changed"; readonly path: string }
  | { readonly type: "stdout-log-failed"; readonly problem: string }
  | { readonly type: "site-broken"; readonly problem: string }
  /** A changed web.config cannot be used: the site goes on by the one before. */
  | { readonly type: "config-refused"; readonly problem: string }
  /** A path or a variable in web.config leads nowhere on this machine. */
  | { readonly type: "web-config-problem"; readonly problem: string }
  /** As web.config itself wants it (disallowRotationOnConfigChange). */
  | { readonly type: "config-change-ignored" }
  | { readonly type: "certificate-renewed"; readonly path: string }
  | { readonly type: "certificate-refused"; readonly problem: string }
  /** web.config asks for something that only IIS does; place: `FILE:LINE:COLUMN`. */
  | {
      readonly type: "setting-without-effect";
      readonly place: string;
      readonly setting: string;
      readonly why: string;
    }
  | { readonly type: "artifact-live"; readonly artifact: string; readonly pid: number }
  | { readonly type: "access-log-failed"; readonly problem: string }
  /** The disk is slower than what comes: so many entries were dropped. */
  | { readonly type: "log-behind"; readonly log: "access" | "stdout"; readonly entries: number }
  /** A process by another release, or by a changed web.config (undefined), starts beside those that serve. */
  | { readonly type: "overlap-starting"; readonly artifact: string | undefined }
  /** New requests go to it. `ms` since its start. */
  | {
      readonly type: "overlap-switched";
      readonly artifact: string | undefined;
      readonly previous: string | undefined;
      readonly ms: number;
    }
  | {
      readonly type: "overlap-failed";
      readonly artifact: string | undefined;
      readonly reason: string;
      /** The last lines of its output. */
      readonly output: readonly string[];
      /** What serves on, where that is known. */
      readonly kept: string | undefined;
    }
  /** Something newer is wanted before it had answered. */
  | { readonly type: "overlap-given-up"; readonly artifact: string | undefined }
  /** What was seen where the handler watches for releases. */
  | { readonly type: "watched"; readonly event: WatchEvent }
  /** Where one handler serves several sites. */
  | { readonly type: "of-site"; readonly site: string; readonly event: PlatformEvent }
  /** The list of sites names it now, or no longer does. */
  | { readonly type: "site-added" }
  | { readonly type: "site-removed" }
  /** The list of sites cannot be read any more: what is served stays. */
  | { readonly type: "sites-refused"; readonly problem: string }
  | { readonly type: "health-unrecorded"; readonly problem: string }
  /** `inplace status` cannot tell where the site is served. */
  | { readonly type: "handler-unrecorded"; readonly problem: string }
  /** Something that the handler does for a visitor threw; it cost that request or connection. */
  | { readonly type: "defect-contained"; readonly stack: string }
  /** Something of the site's was not done; it is served all the same. */
  | { readonly type: "site-failed"; readonly problem: string };

export type SupervisorEvent =
  | {
      readonly type: "supervising";
      readonly address: string;
      readonly port: number;
      /** "spliced": the supervisor accepts and passes every byte on. */
      readonly by: "held" | "spliced";
    }
  | { readonly type: "waiting-for-release" }
  | { readonly type: "worker-output"; readonly stream: "stdout" | "stderr"; readonly text: string }
  | { readonly type: "worker-started"; readonly artifact: string; readonly pid: number }
  | { readonly type: "worker-died"; readonly artifact: string; readonly pid: number; readonly how: string }
  | { readonly type: "worker-restarting"; readonly artifact: string; readonly pauseMs: number }
  | { readonly type: "worker-not-restarted"; readonly artifact: string; readonly reason: string }
  | { readonly type: "release-switched"; readonly artifact: string; readonly previous: string | undefined }
  /** Something newer is wanted before this one was ready. */
  | { readonly type: "release-superseded"; readonly artifact: string; readonly by: string }
  | {
      readonly type: "release-failed";
      readonly artifact: string;
      readonly reason: string;
      /** The last lines of its output. */
      readonly output: readonly string[];
      /** What serves on; undefined: nothing. */
      readonly kept: string | undefined;
    }
  /** It is not ready yet, and is tried again beside the last good one. */
  | {
      readonly type: "release-late";
      readonly artifact: string;
      readonly ms: number;
      readonly meanwhile: string;
    }
  /** What it failed by is the site's fault, or the machine's: it is tried again. */
  | {
      readonly type: "release-waits";
      readonly artifact: string;
      readonly reason: string;
      /** What serves meanwhile; undefined: nothing. */
      readonly kept: string | undefined;
      readonly againMs: number;
    }
  | {
      readonly type: "swap-finished";
      readonly artifact: string;
      readonly previous: string | undefined;
      readonly readyAfterMs: number;
      readonly switchedAfterMs: number;
      readonly drainedAfterMs: number | undefined;
      readonly firstRequestAfterMs: number | undefined;
      readonly detectedAfterMs: number | undefined;
      readonly requests: number | undefined;
      readonly cut: number;
      readonly reset: number;
      readonly lostWorkers: number;
    }
  /** The options that a deploy wrote for launchers are not sound: the defaults hold in place of those that are not. */
  | { readonly type: "handover-unsound"; readonly file: string; readonly problem: string }
  /** A supervisor of another version, or with other options, starts beside this one. */
  | { readonly type: "successor-starting"; readonly program: string }
  /** It serves; this one drains. */
  | { readonly type: "successor-live"; readonly pid: number }
  /** This one goes on. */
  | { readonly type: "successor-failed"; readonly problem: string }
  /** The command cannot ask this supervisor, which serves all the same. */
  | { readonly type: "control-unavailable"; readonly problem: string }
  | { readonly type: "supervisor-stopping"; readonly reason: string };

export type FrontEvent =
  | {
      readonly type: "server-starting";
      readonly host: string;
      readonly server: string;
      readonly artifact: string;
      readonly port: number;
    }
  /** New requests go to it; `ms` since its start. */
  | {
      readonly type: "traffic-moved";
      readonly host: string;
      readonly server: string;
      readonly artifact: string;
      readonly previous: string | undefined;
      readonly ms: number;
    }
  /** `ms` since it got no new requests; `cut`: requests that were still running. */
  | {
      readonly type: "server-stopped";
      readonly host: string;
      readonly server: string;
      readonly artifact: string;
      readonly ms: number;
      readonly cut: number;
    };
