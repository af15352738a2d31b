import { isIP } from "node:net";

/** What checks of a site's own ask for, where the site does not say which name its visitors use. */
export const DEFAULT_HOST = "localhost";
const HOST = /^[A-Za-z0-9._-]+(:[0-9]{1,5})?$/;

/** A name with or without a port, as the configuration may have it. */
export function isHost(value: unknown): value is string {
  return typeof value === "string" && HOST.test(value);
}

/** What apps answer where they serve other names than the one that was asked for. */
const OTHER_HOST: ReadonlySet<number> = new Set([400, 403, 404, 421]);

/** The name for TLS: without a port, and none where it is an address (RFC 6066, section 3). */
export function serverName(host: string): string {
  const name = host.replace(/:\d+$/, "");
  return isIP(name) === 0 ? name : "";
}

/** What to say behind such a status: which host was asked for, and how to ask for another. */
export function askedFor(host: string, status: number): string {
  if (!OTHER_HOST.has(status)) return "";
  return ` (asked for Host: ${host}; "host" in inplace.config.json names another)`;
}
