import { openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { LOOPBACK } from "./port.ts";

/** A socket that listens: its number, as the links in /proc/PID/fd name it, and the account that opened it. */
export interface ListeningSocket {
  readonly inode: string;
  readonly uid: number;
  readonly table: Table;
}

export type Table = "/proc/net/tcp" | "/proc/net/tcp6";

const LOOPBACK_6 = "::1";
const LISTENING = "0A";
/** A row of proc_net_tcp(5): number, local address and port, remote ones, state, queues, timer, retransmits, uid, timeout, inode. */
const ROW =
  /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2}) [0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +(\d+) +\d+ (\d+) /;
/** The most that the kernel gives in one piece. */
const PIECE_BYTES = 4_096;
/**
 * A whole row, or less than there is in a row behind its inode. Where a piece reaches beyond the last row that listens, the
 * kernel looks for the next one, through a table of connections that is large and mostly empty.
 */
const QUICK_LOOK: Readonly<Record<Table, { readonly nobody: string; readonly pieceBytes: number }>> = {
  "/proc/net/tcp": { nobody: "0".repeat(8), pieceBytes: 150 },
  "/proc/net/tcp6": { nobody: "0".repeat(32), pieceBytes: 50 },
};
/** Some 400 rows. */
const QUICK_LOOK_BYTES = 64 * 1024;
/** What follows the state in a row, to the inode. */
const INODE = /[0-9A-F:]+ [0-9A-F:]+ [0-9A-F]+ +\d+ +\d+ (\d+) /y;

/**
 * Who listens at the port, whatever account he has; several where they share it (SO_REUSEPORT). Throws where there is no
 * such table. Every account may read it, and the rows that listen come first.
 */
export function listeningSockets(port: number, host: string = LOOPBACK): readonly ListeningSocket[] {
  const takes = addressesFor(host);
  if (host === LOOPBACK_6) return rowsOf("/proc/net/tcp6", port, takes);
  const found = rowsOf("/proc/net/tcp", port, takes);
  // What is bound to IPv4 itself gets the connection.
  return found.length > 0 ? found : rowsOfIpv6(port, takes);
}

/** Where somebody listens, as "port N" or ADDRESS:N, by the number of the socket. Throws where there is no such table. */
export function listeningPlaces(): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  const take = ({ state, inode, address, port }: Row): boolean => {
    if (state !== LISTENING) return false;
    const number = Number.parseInt(port, 16);
    places.set(inode, /^0+$/.test(address) ? `port ${number}` : `${addressOfWords(address)}:${number}`);
    return true;
  };
  eachRow("/proc/net/tcp", take);
  try {
    eachRow("/proc/net/tcp6", take);
  } catch {
    // This system has no IPv6.
  }
  return places;
}

/** An address of /proc/net as people write it, IPv6 in brackets: its words are each in the byte order of the machine. */
export function addressOfWords(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => {
    const four = word.match(/../g) ?? [];
    return endianness() === "LE" ? four.toReversed() : four;
  });
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  const groups = bytes.join("").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname;
}

function rowsOfIpv6(port: number, takes: ReadonlySet<string>, any = false): readonly ListeningSocket[] {
  try {
    return rowsOf("/proc/net/tcp6", port, takes, any);
  } catch {
    return []; // This system has no IPv6.
  }
}

/**
 * Whether one of these sockets still listens at the port: a quick look, which may miss it. As long as it does, no other
 * account can listen there beside it.
 */
export function stillListens(port: number, sockets: readonly ListeningSocket[]): boolean {
  const [first] = sockets;
  if (first === undefined) return false;
  const { nobody, pieceBytes } = QUICK_LOOK[first.table];
  const row = `:${hexPort(port)} ${nobody}:0000 ${LISTENING} `;
  const file = openTable(first.table);
  const buffer = Buffer.allocUnsafe(pieceBytes);
  let text = "";
  for (let at = 0; at < QUICK_LOOK_BYTES;) {
    const bytesRead = readSync(file, buffer, 0, pieceBytes, at);
    if (bytesRead === 0) return false;
    at += bytesRead;
    text += buffer.toString("latin1", 0, bytesRead);
    const start = text.indexOf(row);
    INODE.lastIndex = start + row.length;
    const inode = start === -1 ? undefined : INODE.exec(text)?.[1];
    if (inode !== undefined && sockets.some((socket) => socket.inode === inode)) return true;
    // A row may lie across two pieces.
    if (start === -1) text = text.slice(-row.length);
    else if (inode !== undefined) text = text.slice(start + row.length);
  }
  return false;
}

/** Whether this end of any connection, listening or not, is at the port: somebody of this system has it, or had it just now. */
export function hasSockets(port: number, host: string = LOOPBACK): boolean {
  const takes = addressesFor(host);
  if (host !== LOOPBACK_6 && rowsOf("/proc/net/tcp", port, takes, true).length > 0) return true;
  return rowsOfIpv6(port, takes, true).length > 0;
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

/** `any`: also what does not listen. */
function rowsOf(
  table: Table,
  port: number,
  takes: ReadonlySet<string>,
  any = false,
): readonly ListeningSocket[] {
  const wanted = hexPort(port);
  const found: ListeningSocket[] = [];
  eachRow(table, (row) => {
    if (!any && row.state !== LISTENING) return false;
    if (row.port === wanted && takes.has(row.address)) found.push({ inode: row.inode, uid: row.uid, table });
    return true;
  });
  return found;
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

interface Row {
  readonly address: string;
  readonly port: string;
  readonly state: string;
  readonly uid: number;
  readonly inode: string;
}

/** Calls back with each row, until that says false. */
function eachRow(table: Table, goesOn: (row: Row) => boolean): void {
  const file = openTable(table);
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let rest = "";
  for (let at = 0; ;) {
    const bytesRead = readSync(file, buffer, 0, PIECE_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const lines = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, address, port, state, uid, inode] = ROW.exec(line) ?? [];
      if (address === undefined || port === undefined || state === undefined || inode === undefined) continue;
      if (!goesOn({ address, port, state, uid: Number(uid), inode })) return;
    }
  }
}

/** Open for as long as this process is: read from its beginning, a table is as it is now. */
const opened = new Map<Table, number>();

function openTable(table: Table): number {
  const before = opened.get(table);
  if (before !== undefined) return before;
  const file = openSync(table, "r");
  opened.set(table, file);
  return file;
}
