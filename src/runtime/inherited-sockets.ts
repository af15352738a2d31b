import { readFileSync, readlinkSync } from "node:fs";
import { addressOfWords } from "../process/listening-sockets.ts";

/** The first descriptor after stdin, stdout and stderr; SD_LISTEN_FDS_START of sd_listen_fds(3). */
const FIRST_FD = 3;
const LISTENING = "0A";

/** A listening socket that the parent opened for this process. */
export interface InheritedSocket {
  readonly fd: number;
  /** FileDescriptorName= of its unit; "unknown" where the parent named none. */
  readonly name: string;
  readonly place: SocketPlace;
}

export type SocketPlace =
  | { readonly kind: "tcp"; readonly address: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  /** Not to be found out on this system. */
  | { readonly kind: "unknown" };

/**
 * The sockets that LISTEN_FDS speaks of, if LISTEN_PID says that this process is meant. The variables are removed, so
 * that no child takes them for its own. https://www.freedesktop.org/software/systemd/man/252/sd_listen_fds.html
 */
export function takeInheritedSockets(
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): InheritedSocket[] {
  const { LISTEN_PID: meant, LISTEN_FDS: count = "0", LISTEN_FDNAMES: names = "" } = env;
  for (const key of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"])
    Reflect.deleteProperty(env, key);
  if (Number(meant) !== pid || !/^\d{1,4}$/.test(count)) return [];
  const places = new PlacesOfSockets();
  const named = names.split(":");
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = FIRST_FD + index;
    return { fd, name: named[index] || "unknown", place: places.of(fd) };
  });
}

/** Where descriptors listen, as Linux tells it: asking through a handle would need one that can never be let go. */
class PlacesOfSockets {
  readonly #byInode = new Map<string, SocketPlace>();

  constructor() {
    for (const table of ["tcp", "tcp6"]) {
      for (const [, local = "", , state, , , , , , inode = ""] of rows(table)) {
        if (state === LISTENING) this.#byInode.set(inode, tcpPlace(local));
      }
    }
    for (const [, , , , , , inode = "", ...path] of rows("unix")) {
      if (path.length > 0) this.#byInode.set(inode, { kind: "unix", path: path.join(" ") });
    }
  }

  of(fd: number): SocketPlace {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? "";
      return this.#byInode.get(inode) ?? { kind: "unknown" };
    } catch {
      return { kind: "unknown" }; // No /proc, or the parent promised more than it opened.
    }
  }
}

/** https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html */
function rows(table: string): string[][] {
  try {
    const text = readFileSync(`/proc/self/net/${table}`, "utf8");
    return text
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}

/** "0100007F:1F90" is 127.0.0.1:8080: 32-bit words in the byte order of the machine, then the port. */
function tcpPlace(local: string): SocketPlace {
  const [words = "", port = "0"] = local.split(":");
  const address = addressOfWords(words).replace(/^\[|\]$/g, "");
  return { kind: "tcp", address, port: Number.parseInt(port, 16) };
}
