import { join, resolve } from "node:path";
import { WEB_CONFIG } from "./windows-names.ts";

/** Where everything of one site lies; all paths absolute. docs/design.md draws it. */
export interface SiteLayout {
  readonly root: string;
  /** The watched folder; holds artifacts only. */
  readonly target: string;
  /** One line that names the current artifact. */
  readonly pointer: string;
  /** As IIS names it; on the disk it may be in another case, see windows-names.ts. */
  readonly webConfig: string;
  /** The same. */
  readonly appOffline: string;
  /** For temporary files; on the site's volume as a rule, so that a rename puts them into their place. */
  readonly staging: string;
  /** Of the account that deploys alone: see deploy-folder.ts. */
  readonly deploys: string;
  /** What deploys copied into the site, one path a line. */
  readonly synchronised: string;
  /** What builds wrote where nothing of theirs belongs. */
  readonly outside: string;
  readonly manifests: string;
  /** Per artifact: which files were found to be as its manifest says. */
  readonly verified: string;
  /** Where a signature is required: the checked copies that are run, each as `<first digits of its hash>/<artifact>`. */
  readonly sealed: string;
  readonly history: string;
  readonly lastGood: string;
  /** One marker file per artifact that failed; launchers create them, so their content is free text. */
  readonly failed: string;
  /** One empty file per artifact that no prune removes. */
  readonly pinned: string;
  /** One line: the artifact that the launcher started last. */
  readonly started: string;
  /** One file per process that starts a release which never proved itself. */
  readonly starting: string;
  readonly lock: string;
  /** One ticket per deploy that waits for the lock. */
  readonly waiting: string;
  /** One file per process that serves the site now. */
  readonly instances: string;
  /** Which of them may go away now. */
  readonly turns: string;
  readonly runtime: string;
  /** Where its supervisor listens for the command, if the path is short enough for a socket. */
  readonly control: string;
  /** On Windows: one line, the name of the pipe where it does. */
  readonly controlPipe: string;
  /** Which `inplace serve` serves the site, where, and by which processes: see handler-record.ts. */
  readonly handler: string;
  /** Where this is, launchers start a supervisor instead of the artifact; it holds the supervisor's options. */
  readonly handover: string;
  /** What lies in the target folder, is no release, and was there before the current one: see left-alone.ts. */
  readonly leftAlone: string;
  /** One line of JSON: how long the release that was recycled last took to drain. */
  readonly lastDrain: string;
  /** Where this is, `inplace serve` ends the old process before it starts the new one. */
  readonly noOverlap: string;
}

export const TARGET_FOLDER = "_target";
export const POINTER_FILE = "_artifact.txt";
/** Of the account that runs the site, and of all others that have to do with it. */
export const OWN_FOLDER = ".inplace";
/** Of the account that deploys. */
export const DEPLOY_FOLDER = ".inplace-deploy";

export function siteLayout(siteRoot: string): SiteLayout {
  const root = resolve(siteRoot);
  const own = join(root, OWN_FOLDER);
  const deploys = join(root, DEPLOY_FOLDER);
  return {
    root,
    target: join(root, TARGET_FOLDER),
    pointer: join(root, POINTER_FILE),
    webConfig: join(root, WEB_CONFIG),
    appOffline: join(root, "app_offline.htm"),
    staging: join(own, "staging"),
    deploys,
    synchronised: join(deploys, "synchronised"),
    outside: join(deploys, "outside"),
    manifests: join(own, "manifests"),
    verified: join(own, "verified"),
    sealed: join(own, "sealed"),
    history: join(own, "history.jsonl"),
    lastGood: join(own, "last-good"),
    failed: join(own, "failed"),
    pinned: join(own, "pinned"),
    started: join(own, "started"),
    starting: join(own, "starting"),
    lock: join(own, "deploy.lock"),
    waiting: join(own, "waiting"),
    instances: join(own, "instances"),
    turns: join(own, "turns"),
    runtime: join(own, "runtime"),
    control: join(own, "control.sock"),
    controlPipe: join(own, "control-pipe"),
    handler: join(own, "handler.json"),
    handover: join(own, "handover.json"),
    leftAlone: join(own, "left-alone.json"),
    lastDrain: join(own, "last-drain"),
    noOverlap: join(own, "no-overlap"),
  };
}

/** The same site for the account that deploys: its temporary files lie where nobody else can write. */
export function asDeployer(layout: SiteLayout): SiteLayout {
  return { ...layout, staging: join(layout.deploys, "staging") };
}
