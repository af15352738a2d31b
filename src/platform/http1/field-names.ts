/**
 * Fields by which a proxy says whom it speaks for, as frameworks and common libraries believe them: Express, Rails, Symfony,
 * Spring (X-Forwarded-*, Forwarded), Rack and Tornado (X-Scheme, X-Url-Scheme, Front-End-Https), gin (X-Real-IP), request-ip
 * and its like (addresses), ASP.NET Core (X-Original-*, certificates), IIS's URL Rewrite and App Service, the proxies of clouds,
 * servers that check logins and certificates in front (Remote-User, SSL-Client-*), and CGI (Proxy, which httpoxy misused).
 */
const CLAIMS: ReadonlySet<string> = new Set([
  "forwarded",
  "forwarded-for",
  "x-forwarded",
  "x-forward-for",
  "x-forwarder-for",
  "x-real-ip",
  "x-proxyuser-ip",
  "x-azure-clientip",
  "x-azure-socketip",
  "x-envoy-external-address",
  "x-host",
  "x-http-host-override",
  "https",
  "x-https",
  "proxy",
  "remote-user",
  "x-remote-user",
  "x-scheme",
  "x-url-scheme",
  "front-end-https",
  "x-rewrite-url",
  "x-client-cert",
]);
const CLAIM_START = /^(?:x-(?:forwarded-|original-|arr-|ms-client-principal|ssl-client-)|ssl-client-)/;
const CLAIM_END = /(?:^|-)(?:client|connecting|pseudo|remote|user)-(?:addr|ip|ipv4|ipv6)$/;

/** Fields by which the module itself speaks to the backend; a client must not be able to. */
const MODULE_START = /^(?:ms-aspnetcore-|x-iis-)/;

/** Whether only a trusted proxy may say it. `name` in lower case. */
export function isClaim(name: string): boolean {
  return CLAIMS.has(name) || CLAIM_START.test(name) || CLAIM_END.test(name);
}

export function isModuleField(name: string): boolean {
  return MODULE_START.test(name);
}

const OTHER_SIGNS = /[^a-z0-9-]/;
const ALL_OTHER_SIGNS = /[^a-z0-9-]/g;

/** What frames and routes a message, or ends at this hop. */
export const HOP_FIELDS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "te",
  "keep-alive",
  "proxy-connection",
  "http2-settings",
]);

/**
 * What CGI, WSGI and PHP make the same name of: to them `X_Forwarded_For` and `X-Forwarded.For` are `X-Forwarded-For`. `name` in
 * lower case.
 */
export function isDisguised(name: string): boolean {
  if (!OTHER_SIGNS.test(name)) return false;
  const plain = name.replace(ALL_OTHER_SIGNS, "-");
  return HOP_FIELDS.has(plain) || isClaim(plain) || isModuleField(plain);
}
