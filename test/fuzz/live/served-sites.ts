import { mkdir, readFile, readdir, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { siteLayout } from "#src/site/layout.js";
import { cert, key } from "../../listener/rig/certificate.ts";
import { writeSite } from "../../platform/site.ts";
import type { Program } from "../../rig/program.ts";
import { startInplace } from "../../rig/source.ts";
import { temporaryFolder, type Cleanup } from "../../rig/temporary-site.ts";
import { until } from "../../rig/until.ts";

/** The host whose application answers at random. */
export const HOSTILE = "hostile.example";
const START_MS = 60_000;
/** Longer than what an application gives an idle connection, and than what the handler gives one that lingers. */
const SETTLE_MS = 40_000;
/** Longer than what the handler gives a client that does not read, and then its connection that is idle. */
const IDLE_MS = 270_000;
/** How long the end of a process may take to be known. */
const LAST_WORDS_MS = 2_000;
const SECOND_SIGNAL_MS = 300;
/** All that the system has open is read for one look. */
const LOOK_AGAIN_MS = 250;
const VISITOR = "visitor";
/** A state: the other side has closed. */
const CLOSE_WAIT = "08";
const SHOWN_LINES = 30;
/** What says that something threw that nobody expected, although it was contained. */
const UNEXPECTED = /^.*(INTERNAL|a defect of inplace-deploy|RangeError|TypeError|ERR_[A-Z0-9_]+).*$/m;

/** `inplace serve --sites` in a process of its own, with one hostile site and some sound ones. */
export class ServedSites {
  readonly port: number;
  readonly #program: Program;

  private constructor(port: number, program: Program) {
    this.port = port;
    this.#program = program;
  }

  static async start(t: Cleanup, sound: readonly string[], tls: boolean): Promise<ServedSites> {
    const folder = await temporaryFolder(t);
    await writeApp(join(folder, HOSTILE), "random-app.js", HOSTILE);
    for (const name of sound) await writeApp(join(folder, name), "sound-app.js", name);
    const args = ["serve", "--sites", folder, "--port", "0", "--host", "127.0.0.1"];
    if (tls) {
      await writeFile(join(folder, "cert.pem"), cert);
      await writeFile(join(folder, "key.pem"), key);
      args.push("--tls-cert", join(folder, "cert.pem"), "--tls-key", join(folder, "key.pem"));
    }
    const program = startInplace(t, args, { cwd: folder });
    t.after(() => end(program));
    const port = await until(
      () => `serve listens; it said ${program.output}`,
      () => /serving on https?:\/\/127\.0\.0\.1:(\d+)/.exec(program.output)?.[1],
      START_MS,
    );
    return new ServedSites(Number(port), program);
  }

  /** Throws where it has ended, or where something threw in it. `suspect`: others have noticed something already. */
  async check(suspect = false): Promise<void> {
    if (suspect) await Promise.race([this.#program.exited, delay(LAST_WORDS_MS)]);
    const lines = this.#program.output.trim().split("\n").slice(-SHOWN_LINES).join("\n");
    if (!this.#program.running) throw new Error(`serve has ended:\n${lines}`);
    const unexpected = UNEXPECTED.exec(this.#program.output)?.[0];
    if (unexpected !== undefined) throw new Error(`serve said: ${unexpected}\n${lines}`);
  }

  /** Of visitors and to applications, with the state of each as the system has it; none where it does not tell. */
  async #connections(): Promise<readonly string[]> {
    if (process.platform !== "linux") return [];
    const own = new Set<string>();
    const folder = `/proc/${this.#program.pid}/fd`;
    for (const name of await readdir(folder)) {
      const link = await readlink(join(folder, name)).catch(() => ""); // Closed meanwhile.
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined) own.add(inode);
    }
    const port = this.port.toString(16).toUpperCase().padStart(4, "0");
    const found: string[] = [];
    for (const table of ["tcp", "tcp6"]) {
      const lines = (await readFile(`/proc/${this.#program.pid}/net/${table}`, "utf8")).trim().split("\n");
      // https://docs.kernel.org/networking/proc_net_tcp.html: the fourth column is the state, 0A listens; the tenth the inode.
      for (const columns of lines.slice(1).map((line) => line.trim().split(/\s+/)))
        if (columns[3] !== "0A" && own.has(columns[9] ?? ""))
          found.push(
            `${columns[1]?.endsWith(port) === true ? VISITOR : "application"} in state ${columns[3]}`,
          );
    }
    return found;
  }

  /** Nothing of visitors stays behind, and applications end idle connections after some seconds. Rejects where more is left. */
  async lastConnectionEnds(hurried: boolean): Promise<void> {
    let left: readonly string[] = [];
    await until(
      () => `serve still has connections of visitors who have gone, or for them: ${left.join(", ")}`,
      async () => {
        // After an error of protocol Node does not notice that an HTTP/2 client has gone: it only stops reading.
        const half = `${VISITOR} in state ${CLOSE_WAIT}`;
        left = (await this.#connections()).filter((each) => !hurried || each !== half);
        return left.length === 0;
      },
      hurried ? SETTLE_MS : IDLE_MS,
      LOOK_AGAIN_MS,
    );
  }
}

/** With two signals, the second one soon: after the first it would wait for who does not read, and that is not what is looked at. */
async function end(program: Program): Promise<void> {
  const ended = program.interrupt().catch(() => undefined);
  await Promise.race([ended, delay(SECOND_SIGNAL_MS)]);
  if (program.running) await program.interrupt();
}

async function writeApp(root: string, file: string, name: string): Promise<void> {
  await mkdir(root);
  const program = fileURLToPath(new URL(file, import.meta.url));
  await writeSite(siteLayout(root), "", `exec "${process.execPath}" "${program}" "${name}"`);
}
