import { realpath } from "node:fs";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";

/** https://man7.org/linux/man-pages/man2/statfs.2.html: file systems whose other users raise no events here. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x01021997, // 9p
  0x65735546, // FUSE: sshfs, blobfuse and other remote ones look alike
]);

/** Whether a folder lies where file system events get lost. An unknown place counts as local. */
export async function isNetworkShare(folder: string): Promise<boolean> {
  try {
    if (process.platform === "win32") {
      // The native form resolves mapped drives: a share is \\server\share whatever letter it has.
      return (await promisify(realpath.native)(folder)).startsWith("\\\\");
    }
    return process.platform === "linux" && NETWORK_FILE_SYSTEMS.has((await statfs(folder)).type >>> 0);
  } catch {
    return false; // Polling goes on beside the events anyway.
  }
}
