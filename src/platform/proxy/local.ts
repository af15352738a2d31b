import type { RequestHead } from "../http1/request-head.ts";

const LOOPBACK_NAME = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?$/i;

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
}

/**
 * Whether a request was made on this machine, so that its sender may see what an application wrote. That its connection
 * comes from here is not enough: behind a proxy or a tunnel everybody's does.
 */
export function isMadeHere(head: RequestHead, fromHere: boolean): boolean {
  // nginx speaks HTTP/1.0 to what it stands before, unless it is told otherwise, and says nothing of itself.
  return fromHere && head.minor === 1 && !head.proxied && LOOPBACK_NAME.test(head.host);
}
