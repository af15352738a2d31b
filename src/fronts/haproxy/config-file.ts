import type { Front } from "./front.ts";

/** Clients may keep an idle connection for so long, milliseconds. */
export const KEEP_ALIVE_MS = 10_000;

/** haproxy.cfg for the site. What it says of health and of moving traffic, rollout.ts relies on. */
export function haproxyConfig(front: Front): string {
  return `# Written by inplace-deploy haproxy up; changes are lost. Change "haproxy" in inplace.config.json instead.
global
    # The runtime API. A Unix socket of this account alone: whoever reaches it decides where requests go.
    stats socket "${front.socket}" mode 600 level admin expose-fd listeners
    stats timeout 30s

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive ${KEEP_ALIVE_MS / 1000}s
    # An idle connection of a client outlives a change of this file until its next answer: closed at once, it could meet
    # a request, which would then be lost.
    option idle-close-on-response
    timeout queue 30s
    timeout tunnel 1h
    # A connection that is refused is tried again elsewhere, or at the same place a second later: no request has been
    # sent then, so POST is safe. After that nothing is repeated.
    retries 10
    retry-on conn-failure
    option redispatch 1
${serverConnections(front)}
frontend ${front.site}-in
${front.bind.map((address) => `    bind ${address}`).join("\n")}
    default_backend ${front.site}

backend ${front.site}
    balance roundrobin
    option httpchk
    http-check send meth GET uri "${front.health.path}" ver HTTP/1.1 hdr Host ${front.health.host}
    http-check expect status 200-399
    # One good check brings a server in. Ten bad ones take it out, so that one that is being restarted is waited for.
    default-server check inter 1s downinter 200ms rise 1 fall 10
${serverLines(front).join("\n")}
`;
}

function serverConnections({ serverKeepAlive }: Front): string {
  return serverKeepAlive
    ? `    # Connections to the app are kept. One that the app closes for its age can meet a request, which is then lost.
    option http-keep-alive
`
    : `    # One request for each connection to the app, while clients keep theirs: an idle connection that the app closes
    # just as a request is sent on it would lose that request.
    option http-server-close
`;
}

function serverLines({ hosts }: Front): string[] {
  return hosts.flatMap(({ address, servers }) =>
    servers.map(({ name, port }) => `    server ${name} ${address}:${port}`),
  );
}
