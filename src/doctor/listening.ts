import { readFile, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { entryPoint } from "../site/entry-point.ts";
import { hasEnded, readOwnership } from "../site/owned-file.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

const LISTENING = "0A";
const IPV6_LOOPBACK = "00000000000000000000000001000000";
/** An entry point longer than this is not read for its listen call, bytes. */
const MOST_SOURCE_BYTES = 4 * 1024 ** 2;
const ON_LOCALHOST = /\.listen\([^)\n]{0,200}["'`](localhost|::1)["'`]/;

/** What the running instances listen on; known on Linux. https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html */
export async function checkListeners({ layout }: Patient): Promise<readonly Finding[]> {
  if (process.platform !== "linux") return [];
  const findings: Finding[] = [];
  for (const name of await readdir(layout.instances).catch(() => [])) {
    const instance = await readOwnership(join(layout.instances, name));
    if (instance === undefined || instance.owner.pid === 0 || hasEnded(instance.owner)) continue;
    const addresses = await listensOn(instance.owner.pid);
    if (addresses.length > 0 && addresses.every((address) => address === IPV6_LOOPBACK)) {
      findings.push(finding("IPV6_LOOPBACK_ONLY", `Process ${instance.owner.pid} listens on [::1] only.`));
    }
  }
  return findings;
}

/** What the source says, for the systems that do not tell what is listened on. */
export async function checkListenCall({ pointer }: Patient): Promise<readonly Finding[]> {
  if (pointer.state !== "names") return [];
  const program = await entryPoint(pointer.path).catch(() => undefined);
  if (program === undefined || !/\.[mc]?js$/.test(program)) return [];
  const source = await readFile(program).catch(() => Buffer.alloc(0));
  if (source.length > MOST_SOURCE_BYTES) return [];
  const call = ON_LOCALHOST.exec(source.toString("utf8"))?.[0];
  return call === undefined ? [] : [finding("LISTENS_ON_LOCALHOST", `${program} says ${call}.`)];
}

/** Local addresses in hexadecimal, as the kernel writes them. */
async function listensOn(pid: number): Promise<readonly string[]> {
  const inodes = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const addresses: string[] = [];
  for (const table of ["tcp", "tcp6"]) {
    const text = await readFile(`/proc/${pid}/net/${table}`, "utf8").catch(() => "");
    for (const row of text.split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
      if (state === LISTENING && inodes.has(inode)) addresses.push(local.split(":")[0] ?? "");
    }
  }
  return addresses;
}
