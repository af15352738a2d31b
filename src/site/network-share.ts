import { realpath } from "node:fs";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * File systems whose other users raise no events here: https://man7.org/linux/man-pages/man2/statfs.2.html, linux/magic.h, and
 * for what is in neither the sources of the driver.
 */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x01021997, // 9p
  0x65735546, // FUSE: sshfs, blobfuse and other remote ones look alike; virtiofs
  0x786f4256, // VirtualBox's shared folders
  0xbacbacbc, // VMware's shared folders
  0x7c7c6673, // those of Parallels
  0x00c36400, // Ceph
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x01161970, // GFS2
  0x7461636f, // OCFS2
  0x5346414f, // AFS
  0x73757245, // Coda
]);

/** By the number that statfs(2) gives as the file system's type. */
export function isNetworkFileSystem(type: number): boolean {
  return NETWORK_FILE_SYSTEMS.has(type >>> 0);
}

/** Whether a folder lies where file system events get lost. An unknown place counts as local. */
export async function isNetworkShare(folder: string): Promise<boolean> {
  try {
    if (process.platform === "win32") {
      // The native form resolves mapped drives: a share is \\server\share whatever letter it has.
      return (await promisify(realpath.native)(folder)).startsWith("\\\\");
    }
    return process.platform === "linux" && isNetworkFileSystem((await statfs(folder)).type);
  } catch {
    return false; // Polling goes on beside the events anyway.
  }
}
