import { readFile, readdir, readlink } from "node:fs/promises";
import {
  hasSockets,
  listeningPlaces,
  listeningSockets,
  stillListens,
  type ListeningSocket,
} from "./listening-sockets.ts";
import { LOOPBACK } from "./port.ts";

/** A tree of processes: its root, and a text that nobody else has in the environment that he was started with. */
export interface OwnTree {
  readonly pid: number;
  readonly mark: string;
}

/** Who listens though he is none of the tree's; `pid` is undefined where he does not show his process. */
export interface Stranger {
  readonly pid: number | undefined;
  readonly uid: number;
}

interface Standing {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** An init has no parent that counts, and a longer chain than this is none. */
const MAX_ANCESTORS = 64;

/**
 * A loopback port that a tree of processes was given. A port is anybody's before its owner listens and once he has let go,
 * so each connection asks whose the listener is that took it. Only Linux says that, of every account's sockets; elsewhere
 * (and where /proc is missing) everybody is believed: Windows has netstat and PowerShell for it, which take longer than a start.
 */
export class OwnPort {
  readonly #port: number;
  readonly #tree: OwnTree;
  readonly #host: string;
  /** The listening sockets that were found to be the tree's. */
  #known: readonly ListeningSocket[] = [];
  /** Those that were last found to be none. */
  #strange: ReadonlySet<string> = new Set();
  #next: Promise<boolean> | undefined;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(port: number, tree: OwnTree, host: string = LOOPBACK) {
    this.#port = port;
    this.#tree = tree;
    this.#host = host;
  }

  /**
   * Who listens now though he is none of the tree's. undefined: one of the tree does, nobody is to be seen, or this
   * system does not tell.
   */
  async stranger(): Promise<Stranger | undefined> {
    // Wine shows the /proc below it, and every link that is read there is opened by its server, which loses its lock.
    if (process.platform !== "linux") return undefined;
    const sockets = this.#listening();
    if (sockets === undefined || sockets.length === 0) return undefined;
    return await this.#judge(sockets);
  }

  /** Where else the tree listens, as "port N" or ADDRESS:N; nowhere where this system does not tell. */
  async elsewhere(): Promise<readonly string[]> {
    if (process.platform !== "linux") return [];
    try {
      return await placesOf(this.#tree, listeningPlaces());
    } catch {
      return [];
    }
  }

  async #judge(sockets: readonly ListeningSocket[]): Promise<Stranger | undefined> {
    const stranger = await strangerAmong(sockets, this.#tree);
    if (stranger === undefined) this.#known = sockets;
    else this.#strange = new Set(sockets.map(({ inode }) => inode));
    return stranger;
  }

  /**
   * Whether a connection that has come to be is one to the tree: a socket that is known has listened all the time. Those
   * that ask together are answered by one reading, which begins after they came to be.
   */
  tookConnection(): Promise<boolean> {
    if (process.platform !== "linux") return Promise.resolve(true);
    this.#next ??= this.#asking.then(() => {
      this.#next = undefined;
      const asked = this.#stillListens();
      this.#asking = asked;
      return asked;
    });
    return this.#next;
  }

  /** undefined: this system does not tell. */
  #listening(): readonly ListeningSocket[] | undefined {
    try {
      return listeningSockets(this.#port, this.#host);
    } catch {
      return undefined;
    }
  }

  #knownListens(): boolean {
    try {
      return stillListens(this.#port, this.#known);
    } catch {
      return false;
    }
  }

  async #stillListens(): Promise<boolean> {
    if (this.#knownListens()) return true;
    let sockets = this.#listening();
    // A table that changes while it is read may leave out a row.
    if (sockets?.length === 0) sockets = this.#listening();
    if (sockets === undefined) return true;
    // The kernel may pass a port on to a container; then nobody of this system has it.
    if (sockets.length === 0) return this.#known.length === 0 && !hasSockets(this.#port, this.#host);
    // The quick look may have missed it as well.
    if (sockets.some(({ inode }) => this.#known.some((known) => known.inode === inode))) return true;
    // Whoever had the port before this one may have taken the connection: it counts for those to come.
    if (!sockets.some(({ inode }) => this.#strange.has(inode))) {
      await this.#judge(sockets).catch(() => undefined); // No /proc/PID: nobody is believed.
    }
    return false;
  }
}

/** By the process, where it can be seen, else by the account. */
async function strangerAmong(
  sockets: readonly ListeningSocket[],
  tree: OwnTree,
): Promise<Stranger | undefined> {
  const [{ uid } = { uid: 0 }] = sockets;
  const pids = await processesNear(tree.pid);
  const holder = await holderOf(new Set(sockets.map(({ inode }) => `socket:[${inode}]`)), pids);
  const isOurs =
    holder === undefined
      ? await isOwnAccount(uid, pids, tree)
      : await isOfTree(holder, uid, tree).catch(() => false); // It ended while we looked at it.
  return isOurs ? undefined : { pid: holder, uid };
}

/** Those first that will be it: the root of the tree, then what was started after it. */
async function processesNear(root: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const distance = (pid: number): number => (pid >= root ? pid - root : Number.MAX_SAFE_INTEGER - pid);
  return pids.sort((a, b) => distance(a) - distance(b));
}

async function holderOf(links: ReadonlySet<string>, pids: readonly number[]): Promise<number | undefined> {
  for (const pid of pids) if (await holds(pid, links)) return pid;
  return undefined;
}

async function holds(pid: number, links: ReadonlySet<string>): Promise<boolean> {
  return (await openFiles(pid)).some((target) => links.has(target));
}

async function openFiles(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`;
  const open = await readdir(folder).catch(() => []);
  return await Promise.all(open.map((fd) => readlink(`${folder}/${fd}`).catch(() => "")));
}

async function placesOf(tree: OwnTree, listening: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const places = new Set<string>();
  for (const pid of await processesNear(tree.pid)) {
    if (!(await isDescendant(pid, tree.pid).catch(() => false))) continue;
    for (const target of await openFiles(pid)) {
      const place = listening.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "");
      if (place !== undefined) places.add(place);
    }
  }
  return [...places].sort();
}

/** Root and we ourselves, and whom a process of the tree has become on purpose: www-data, say. */
async function isOwnAccount(uid: number, pids: readonly number[], tree: OwnTree): Promise<boolean> {
  if (isUs(uid)) return true;
  for (const pid of pids) {
    const runsAs = await accountsOf(pid).catch((): readonly number[] => []);
    if (runsAs.includes(uid) && (await isDescendant(pid, tree.pid).catch(() => false))) return true;
  }
  return false;
}

function isUs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Real, effective, saved and that of files: every account may read them of every process. */
async function accountsOf(pid: number): Promise<readonly number[]> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  return (/^Uid:\t([\d\t]+)$/m.exec(status)?.[1] ?? "").split("\t").map(Number);
}

/** By parentage, group or session; a daemon has left all three and still has the environment. */
async function isOfTree(pid: number, uid: number, { pid: root, mark }: OwnTree): Promise<boolean> {
  if (await isDescendant(pid, root)) return true;
  if ((await readFile(`/proc/${pid}/environ`)).includes(mark)) return true;
  // A container's process: its parent is the container runtime's, whoever asked for it. Anybody can make such a namespace,
  // but only within a namespace of users that is his own, where his sockets stay his account's.
  if (await sharesNamespace(pid, "pid")) return false;
  return isUs(uid) || (await sharesNamespace(pid, "user"));
}

async function sharesNamespace(pid: number, kind: "pid" | "user"): Promise<boolean> {
  return (await readlink(`/proc/${pid}/ns/${kind}`)) === (await readlink(`/proc/self/ns/${kind}`));
}

async function isDescendant(pid: number, root: number): Promise<boolean> {
  let at = pid;
  for (let step = 0; at > 1 && step < MAX_ANCESTORS; step += 1) {
    if (at === root) return true;
    const { parent, group, session } = await standing(at);
    if (group === root || session === root) return true;
    at = parent;
  }
  return false;
}

async function standing(pid: number): Promise<Standing> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  // The name in parentheses may hold anything.
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(parent), group: Number(group), session: Number(session) };
}
