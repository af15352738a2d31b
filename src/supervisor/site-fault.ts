import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asInplaceError, systemCode, type ErrorCode } from "../errors.ts";
import type { SiteLayout } from "../site/layout.ts";

/** Of the site's configuration, or of the machine: every release would fail by it. */
const FAULTS: ReadonlySet<ErrorCode> = new Set([
  "CONFIG_INVALID",
  "CONFIG_UNKNOWN_KEY",
  "CONFIG_UNREADABLE",
  "DISK_FULL",
  "PORT_IN_USE",
  "SIGNING_KEY_INVALID",
  "SITE_NOT_WRITABLE",
  "TOO_MANY_FILES",
]);
/** Of a process that the system could not start. */
const SCARCITY: ReadonlySet<string | undefined> = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const LOOK_MS = 250;

/** Whether a start failed by something that no release answers for. */
export function isSiteFault(error: unknown): boolean {
  const { code, cause } = asInplaceError(error);
  return FAULTS.has(code) || (code === "START_FAILED" && SCARCITY.has(systemCode(cause)));
}

/** When to try again what failed by a fault of the site: after growing pauses, and once its configuration changes. */
export class SiteFaultRetry {
  readonly #files: readonly string[];
  #pauseMs = FIRST_PAUSE_MS;
  /** Of the files, when they were looked at last. */
  #seen: Promise<string>;

  constructor({ root }: SiteLayout, env: NodeJS.ProcessEnv) {
    const key = env["INPLACE_PUBLIC_KEY"];
    this.#files = [join(root, "inplace.config.json"), join(root, "package.json"), ...(key ? [key] : [])];
    this.#seen = this.#stamps();
  }

  /** The pause that comes next, milliseconds. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** A start has succeeded, or failed by its own fault. */
  reset(): void {
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** Resolves when it is time, or the signal aborts. Never rejects. */
  async due(signal: AbortSignal): Promise<void> {
    const until = Date.now() + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    for (let changed = false; !changed && !signal.aborted && Date.now() < until;) {
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
      const before = await this.#seen;
      this.#seen = this.#stamps();
      changed = (await this.#seen) !== before;
    }
  }

  async #stamps(): Promise<string> {
    const stamps = this.#files.map(async (file) => {
      const found = await stat(file, { bigint: true }).catch(() => undefined);
      return found === undefined ? "none" : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    });
    return (await Promise.all(stamps)).join("\n");
  }
}
