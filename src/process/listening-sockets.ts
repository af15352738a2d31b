import { openSync, readSync } from "node:fs";
import { LOOPBACK } from "./port.ts";

/** A socket that listens: its number, as the links in /proc/PID/fd name it, and the account that opened it. */
export interface ListeningSocket {
  readonly inode: string;
  readonly uid: number;
}

const LOOPBACK_6 = "::1";
const LISTEN = /^0A$/;
const ANY = /^/;
/** A row of proc_net_tcp(5): number, local address and port, remote ones, state, queues, timer, retransmits, uid, timeout, inode. */
const ROW =
  /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2}) [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +(\d+) +\d+ (\d+)/;
/** About 27 rows, the most that the kernel gives in one piece. */
const PIECE_BYTES = 4_096;

/**
 * Who listens at the port, whatever account he has; several where they share it (SO_REUSEPORT). Throws where there is no
 * such table. Every account may read it, and the rows that listen come first: it takes some 20 microseconds.
 */
export function listeningSockets(port: number, host: string = LOOPBACK): readonly ListeningSocket[] {
  const takes = addressesFor(host);
  if (host === LOOPBACK_6) return rowsOf("/proc/net/tcp6", port, takes);
  const found = rowsOf("/proc/net/tcp", port, takes);
  // What is bound to IPv4 itself gets the connection.
  return found.length > 0 ? found : rowsOfIpv6(port, takes);
}

function rowsOfIpv6(port: number, takes: ReadonlySet<string>, states?: RegExp): readonly ListeningSocket[] {
  try {
    return rowsOf("/proc/net/tcp6", port, takes, states);
  } catch {
    return []; // This system has no IPv6.
  }
}

/** Whether this end of any connection, listening or not, is at the port: somebody of this system has it, or had it just now. */
export function hasSockets(port: number, host: string = LOOPBACK): boolean {
  const takes = addressesFor(host);
  if (host !== LOOPBACK_6 && rowsOf("/proc/net/tcp", port, takes, ANY).length > 0) return true;
  return rowsOfIpv6(port, takes, ANY).length > 0;
}

/** Where one may listen for connections to the host, as the tables write it: in the byte order of the machine. */
function addressesFor(host: string): ReadonlySet<string> {
  const zeros = (bytes: number): string => "00".repeat(bytes);
  if (host === LOOPBACK_6) return new Set([zeros(16), zeros(12) + "01000000", zeros(12) + "00000001"]);
  const bytes = host.split(".").map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"));
  const ipv4 = [zeros(4), bytes.join(""), bytes.toReversed().join("")];
  const mapped = ["FFFF0000", "0000FFFF"].flatMap((prefix) => ipv4.map((each) => zeros(8) + prefix + each));
  return new Set([...ipv4, ...mapped, zeros(16)]);
}

/** Open for as long as this process is: read from its beginning, a table is as it is now. */
const opened = new Map<string, number>();

function openTable(table: string): number {
  const before = opened.get(table);
  if (before !== undefined) return before;
  const file = openSync(table, "r");
  opened.set(table, file);
  return file;
}

function rowsOf(
  table: string,
  port: number,
  takes: ReadonlySet<string>,
  states: RegExp = LISTEN,
): readonly ListeningSocket[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const found: ListeningSocket[] = [];
  const file = openTable(table);
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let rest = "";
  for (let at = 0; ;) {
    const bytesRead = readSync(file, buffer, 0, PIECE_BYTES, at);
    at += bytesRead;
    const lines = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, address = "", own, state, uid, inode = ""] = ROW.exec(line) ?? [];
      // Behind those that listen may be a hundred thousand connections.
      if (state !== undefined && !states.test(state)) return found;
      if (own === wanted && takes.has(address)) found.push({ inode, uid: Number(uid) });
    }
    if (bytesRead === 0) return found;
  }
}
