import type { RequestHead } from "./request-head.ts";

/** What is known of the client's connection. */
export interface ClientFacts {
  /** Without port. */
  readonly address: string;
  /** As it goes into X-Forwarded-For. */
  readonly forwardedFor: string;
  readonly scheme: "http" | "https";
  /** The address that it has reached. */
  readonly localAddress: string;
  /** What it says about whom it speaks for is believed. */
  readonly trusted: boolean;
}

/**
 * The request head as the backend gets it, without the line end that closes it. X-Forwarded-* are written anew; what a
 * trusted client has said stays, and is appended to, as the module does.
 */
export function forwardedHead(head: RequestHead, client: ClientFacts): string {
  // HTTP/1.1 wants the field even where it is empty.
  const host = head.host === "" && head.minor === 0 ? "" : `Host: ${head.host}\r\n`;
  const before = client.trusted ? head : NOBODY;
  const forwardedHost = head.host === "" ? "" : `X-Forwarded-Host: ${before.forwardedHost}${head.host}\r\n`;
  return (
    `${head.method} ${head.target} HTTP/1.${head.minor}\r\n${host}${head.fields}${before.claims}` +
    `X-Forwarded-For: ${before.forwardedFor}${client.forwardedFor}\r\n` +
    `X-Forwarded-Proto: ${before.forwardedProto}${client.scheme}\r\n${forwardedHost}${connectionFields(head)}`
  );
}

const NOBODY = { claims: "", forwardedFor: "", forwardedProto: "", forwardedHost: "" } as const;

function connectionFields(head: RequestHead): string {
  if (head.upgrade !== "") return `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  return head.minor === 0 ? "Connection: close\r\n" : "";
}
