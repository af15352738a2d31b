import { open } from "node:fs/promises";

/** A socket that listens: its number, as the links in /proc/PID/fd name it, and the account that opened it. */
export interface ListeningSocket {
  readonly inode: string;
  readonly uid: number;
}

export type LoopbackHost = "127.0.0.1" | "::1";

const LISTEN = /^0A$/;
const ANY = /^/;
/** A row of proc_net_tcp(5): number, local address and port, remote ones, state, queues, timer, retransmits, uid, timeout, inode. */
const ROW =
  /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2}) [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +(\d+) +\d+ (\d+)/;
/** What takes connections to 127.0.0.1 (in either byte order): itself, 0.0.0.0, ::ffff:127.0.0.1, ::ffff:0.0.0.0 and ::. */
const TAKES_IPV4 = /^(?:0100007F|7F000001|0{8}|0{16}(?:FFFF0000|0000FFFF)(?:0100007F|7F000001|0{8})|0{32})$/;
/** And to ::1. */
const TAKES_IPV6 = /^(?:0{24}(?:01000000|00000001)|0{32})$/;
/** About 27 rows, the most that the kernel gives in one piece. */
const PIECE_BYTES = 4_096;

/**
 * Who listens at the port, whatever account he has; several where they share it (SO_REUSEPORT). Rejects where there is no
 * such table. Every account may read it, and the rows that listen come first.
 */
export async function listeningSockets(
  port: number,
  host: LoopbackHost = "127.0.0.1",
): Promise<readonly ListeningSocket[]> {
  if (host === "::1") return rowsOf("/proc/net/tcp6", port, TAKES_IPV6);
  const found = await rowsOf("/proc/net/tcp", port, TAKES_IPV4);
  // What is bound to IPv4 itself gets the connection.
  return found.length > 0 ? found : rowsOf("/proc/net/tcp6", port, TAKES_IPV4).catch(withoutIpv6);
}

function withoutIpv6(): readonly ListeningSocket[] {
  return [];
}

/** Whether this end of any connection, listening or not, is at the port: somebody of this system has it, or had it just now. */
export async function hasSockets(port: number, host: LoopbackHost = "127.0.0.1"): Promise<boolean> {
  const takes = host === "::1" ? TAKES_IPV6 : TAKES_IPV4;
  const tables = host === "::1" ? ["/proc/net/tcp6"] : ["/proc/net/tcp", "/proc/net/tcp6"];
  const found = await Promise.all(tables.map((table) => rowsOf(table, port, takes, ANY).catch(withoutIpv6)));
  return found.flat().length > 0;
}

async function rowsOf(
  table: string,
  port: number,
  takes: RegExp,
  states: RegExp = LISTEN,
): Promise<readonly ListeningSocket[]> {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const found: ListeningSocket[] = [];
  const file = await open(table);
  try {
    const buffer = Buffer.alloc(PIECE_BYTES);
    let rest = "";
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, null);
      const lines = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, address = "", at, state, uid, inode = ""] = ROW.exec(line) ?? [];
        // Behind those that listen may be a hundred thousand connections.
        if (state !== undefined && !states.test(state)) return found;
        if (at === wanted && takes.test(address)) found.push({ inode, uid: Number(uid) });
      }
      if (bytesRead === 0) return found;
    }
  } finally {
    await file.close();
  }
}
