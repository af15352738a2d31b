import { open, readFile, readdir, readlink } from "node:fs/promises";

/** A tree of processes: its root, and a text that nobody else has in the environment that he was started with. */
export interface OwnTree {
  readonly pid: number;
  readonly mark: string;
}

interface Standing {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** 127.0.0.1 (in either byte order), 0.0.0.0, ::ffff:127.0.0.1 and :: as proc_net_tcp(5) writes them. */
const LOOPBACK_LISTENER =
  /^ *\d+: (?:0100007F|7F000001|00000000|0{16}(?:FFFF0000|0000FFFF)(?:0100007F|7F000001)|0{32}):([0-9A-F]{4}) /;
const LISTEN = "0A";
/** An init has no parent that counts, and a longer chain than this is none. */
const MAX_ANCESTORS = 64;

/**
 * The process that listens on the port at 127.0.0.1 though it is none of the tree's. Undefined: one of the tree does, or
 * nobody can tell: processes of other users hide their files, those of another PID namespace their parents, and only
 * Linux has /proc. (Without native code Windows has netstat and PowerShell for it, which take longer than a start.)
 */
export async function foreignListener(port: number, tree: OwnTree): Promise<number | undefined> {
  // Wine shows the /proc below it, and every link that is read there is opened by its server, which loses its lock.
  if (process.platform !== "linux") return undefined;
  try {
    const sockets = await listeningSockets(port);
    if (sockets.size === 0) return undefined;
    const holder = await holderOf(sockets, tree.pid);
    return holder === undefined || (await isOfTree(holder, tree)) ? undefined : holder;
  } catch {
    return undefined; // No /proc, or a process that ended while we looked at it.
  }
}

/** As the links in /proc/PID/fd name them; several where they share the port (SO_REUSEPORT). */
async function listeningSockets(port: number): Promise<Set<string>> {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const found = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const file = await open(table);
    try {
      for await (const line of file.readLines()) {
        const [, , , state, , , , , , inode] = line.trimStart().split(/ +/);
        if (state === "st") continue;
        // Listening sockets come first; behind them may be a hundred thousand connections.
        if (state !== LISTEN) break;
        if (LOOPBACK_LISTENER.exec(line)?.[1] === wanted) found.add(`socket:[${inode}]`);
      }
    } finally {
      await file.close();
    }
    if (found.size > 0) break; // What is bound to IPv4 itself gets the connection.
  }
  return found;
}

/** Looks first where it will be: in the root of the tree, then in what was started after it. */
async function holderOf(sockets: ReadonlySet<string>, root: number): Promise<number | undefined> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const distance = (pid: number): number => (pid >= root ? pid - root : Number.MAX_SAFE_INTEGER - pid);
  pids.sort((a, b) => distance(a) - distance(b));
  for (const pid of pids) if (await holds(pid, sockets)) return pid;
  return undefined;
}

async function holds(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const open = await readdir(folder).catch(() => []);
  const targets = await Promise.all(open.map((fd) => readlink(`${folder}/${fd}`).catch(() => "")));
  return targets.some((target) => sockets.has(target));
}

/** By parentage, group or session; a daemon has left all three and still has the environment. */
async function isOfTree(pid: number, { pid: root, mark }: OwnTree): Promise<boolean> {
  let at = pid;
  for (let step = 0; at > 1 && step < MAX_ANCESTORS; step += 1) {
    if (at === root) return true;
    const { parent, group, session } = await standing(at);
    if (group === root || session === root) return true;
    at = parent;
  }
  if ((await readFile(`/proc/${pid}/environ`)).includes(mark)) return true;
  // A container's process: its parent is the container runtime's, whoever asked for it.
  return (await readlink(`/proc/${pid}/ns/pid`)) !== (await readlink("/proc/self/ns/pid"));
}

async function standing(pid: number): Promise<Standing> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  // The name in parentheses may hold anything.
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(parent), group: Number(group), session: Number(session) };
}
