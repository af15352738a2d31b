/**
 * Fields by which a proxy says whom it speaks for, as frameworks and common libraries believe them: Express, Rails, Symfony,
 * Spring (X-Forwarded-*, Forwarded), Rack and Tornado (X-Scheme, X-Url-Scheme, Front-End-Https), gin (X-Real-IP), request-ip
 * (the rest of the addresses), ASP.NET Core (X-Original-*, certificates), IIS's URL Rewrite and App Service.
 */
const CLAIMS: ReadonlySet<string> = new Set([
  "forwarded",
  "forwarded-for",
  "x-forwarded",
  "x-real-ip",
  "x-client-ip",
  "client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "fastly-client-ip",
  "x-cluster-client-ip",
  "x-proxyuser-ip",
  "x-scheme",
  "x-url-scheme",
  "front-end-https",
  "x-rewrite-url",
  "x-client-cert",
]);
const CLAIM_START = /^x-(?:forwarded-|original-|arr-|ms-client-principal)/;

/** Fields by which the module itself speaks to the backend; a client must not be able to. */
const MODULE_START = /^(?:ms-aspnetcore-|x-iis-)/;

/** Whether only a trusted proxy may say it. `name` in lower case. */
export function isClaim(name: string): boolean {
  return CLAIMS.has(name) || CLAIM_START.test(name);
}

export function isModuleField(name: string): boolean {
  return MODULE_START.test(name);
}

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

/** What CGI and WSGI make the same name of: to them `X_Forwarded_For` is `X-Forwarded-For`. */
export function isDisguised(name: string): boolean {
  if (!name.includes("_")) return false;
  const plain = name.replaceAll("_", "-");
  return HOP_FIELDS.has(plain) || isClaim(plain) || isModuleField(plain);
}
