import type { Element } from "@xmldom/xmldom";
import { nearest } from "../../nearest.ts";
import { readCollection } from "./collection.ts";
import {
  attributeOf,
  attributesOf,
  childElements,
  childrenNamed,
  invalidAt,
  nameOf,
  placeIn,
  type XmlFile,
} from "./xml.ts";

/** A setting that IIS would obey, and inplace serve does not. */
export interface SettingWithoutEffect {
  /** `FILE:LINE:COLUMN` */
  readonly place: string;
  readonly setting: string;
  readonly why: string;
}

/** What web.config says besides the process section: what works, and what has no effect. */
export interface SiteSettings {
  /** The `<customHeaders>`, as field lines, each ended by CRLF; a character for each byte, as in every head. */
  readonly answerFields: string;
  /** Of a request, by its Content-Length. */
  readonly maxContentLength: number | undefined;
  readonly withoutEffect: readonly SettingWithoutEffect[];
}

/** Sections that another module alone reads, or that change nothing where the application answers by itself. */
const OF_NO_CONSEQUENCE: ReadonlySet<string> = new Set(
  (
    "aspnetcore httpplatform handlers modules validation asp cgi fastcgi isapifilters iisnode tracing httptracing httplogging " +
    "odbclogging globalmodules defaultdocument directorybrowse serverruntime management serversideinclude webdav"
  ).split(" "),
);

const BY_THE_APPLICATION = "let the application do it, or what stands in front";

/** The sections of IIS that say something about requests and answers. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  rewrite: `addresses are neither rewritten nor redirected: ${BY_THE_APPLICATION}`,
  httpredirect: `nothing is redirected: ${BY_THE_APPLICATION}`,
  httperrors: "answers go out as the application gives them",
  staticcontent: "no file is served: the application has all requests",
  urlcompression: `answers are not compressed: ${BY_THE_APPLICATION}`,
  httpcompression: `answers are not compressed: ${BY_THE_APPLICATION}`,
  caching: "answers are not cached",
  cors: `no CORS field is added: ${BY_THE_APPLICATION}`,
  applicationinitialization: "a process is warmed up by GET /, before it gets visitors",
  proxy: "there is no other server that requests are passed to",
  security: "",
  httpprotocol: "",
  websocket: "",
};

/** Throws WEB_CONFIG_INVALID with file, line and column. */
export function readSettings(file: XmlFile, servers: readonly Element[]): SiteSettings {
  const found: SettingWithoutEffect[] = [];
  const none = (node: Element, why: string, setting = `<${node.nodeName}>`): void =>
    void found.push({ place: placeIn(file, node), setting, why });
  for (const location of childrenNamed(file.root, "location")) {
    const path = attributeOf(location, "path")?.value ?? "";
    if (!isWholeSite(path) && !childElements(location).every(saysNothing))
      none(location, "settings hold for the whole site", `<location path="${path}">`);
  }
  let answerFields = "";
  let maxContentLength: number | undefined;
  for (const section of servers.flatMap(childElements)) {
    switch (nameOf(section)) {
      case "httpprotocol":
        answerFields += readHeaders(file, section, none);
        break;
      case "security":
        maxContentLength = readSecurity(file, section, none) ?? maxContentLength;
        break;
      case "rewrite":
        readRewrite(section, none);
        break;
      case "websocket":
        if (isFalse(section, "enabled")) none(section, "connections are passed on to the application");
        break;
      default:
        other(section, none);
    }
  }
  return { answerFields, maxContentLength, withoutEffect: found };
}

/** Of a `<location>`. */
export function isWholeSite(path: string): boolean {
  return ["", ".", "/"].includes(path);
}

type Tell = (node: Element, why: string, setting?: string) => void;

function other(section: Element, none: Tell): void {
  const name = nameOf(section);
  if (OF_NO_CONSEQUENCE.has(name) || asIfAbsent(section)) return;
  const why = WITHOUT_EFFECT[name];
  if (why !== undefined && saysNothing(section)) return;
  if (why !== undefined) return none(section, why);
  const known = [...OF_NO_CONSEQUENCE, ...Object.keys(WITHOUT_EFFECT)];
  const near = nearest(name, known);
  const meant = near !== undefined ? `, where it may mean ${near}` : "";
  none(section, `IIS knows no such section without a module of its own${meant}`);
}

/** Where its values say what is done here anyway. */
function asIfAbsent(section: Element): boolean {
  if (isFalse(section, "enabled")) return true;
  switch (nameOf(section)) {
    case "httpredirect":
      return !isTrue(section, "enabled");
    case "httperrors":
      return attributeOf(section, "existingResponse")?.value.toLowerCase() === "passthrough";
    case "urlcompression":
      return isFalse(section, "doDynamicCompression");
    case "access":
      return /^none$/i.test(attributeOf(section, "sslFlags")?.value ?? "none");
    case "authentication":
      return childElements(section).every((kind) =>
        nameOf(kind) === "anonymousauthentication" ? !isFalse(kind, "enabled") : !isTrue(kind, "enabled"),
      );
    default:
      return false;
  }
}

/** Nothing, or only what takes something of IIS back. */
function saysNothing(element: Element): boolean {
  if (["remove", "clear"].includes(nameOf(element))) return true;
  return attributesOf(element).length === 0 && childElements(element).every(saysNothing);
}

function readHeaders(file: XmlFile, protocol: Element, none: Tell): string {
  if (isFalse(protocol, "allowKeepAlive"))
    none(protocol, "connections are kept", `<${protocol.nodeName} allowKeepAlive="false">`);
  for (const element of childrenNamed(protocol, "redirectHeaders"))
    if (!saysNothing(element)) none(element, "nothing is redirected");
  let fields = "";
  for (const headers of childrenNamed(protocol, "customHeaders")) {
    // What is removed is a field that IIS itself would have added.
    for (const { key, element } of readCollection(file, headers, "add", "name")) {
      const value = attributeOf(element, "value")?.value ?? "";
      const setting = `<add name="${key}">`;
      if (LINE_BREAK.test(value))
        throw invalidAt(
          file,
          element,
          `the value of ${setting} has a line break, which no field of an answer can have`,
        );
      if (OF_THE_PROTOCOL.test(key)) none(element, "the protocol decides about it", setting);
      else if (!FIELD_NAME.test(key)) none(element, "no field of an answer can have this name", setting);
      else if (CONTROL.test(value))
        none(element, "its value has a control character, which many clients refuse", setting);
      else fields += `${key}: ${Buffer.from(value).toString("latin1")}\r\n`;
    }
  }
  return fields;
}

const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** What would end the field, or the text. */
const LINE_BREAK = /[\r\n\0]/;
const CONTROL = /[^\P{Cc}\t]/u;
const OF_THE_PROTOCOL =
  /^(connection|content-length|transfer-encoding|keep-alive|upgrade|trailer|te|proxy-connection|host)$/i;

/** Gives maxAllowedContentLength. */
function readSecurity(file: XmlFile, security: Element, none: Tell): number | undefined {
  let limit: number | undefined;
  for (const child of childElements(security)) {
    if (nameOf(child) !== "requestfiltering") {
      if (!asIfAbsent(child) && !saysNothing(child))
        none(child, "who may ask what is not looked at: let the application do it");
      continue;
    }
    for (const filter of childElements(child)) {
      if (nameOf(filter) === "requestlimits") limit = readLimits(file, filter, none) ?? limit;
      // What only takes a restriction of IIS back has nothing to take back here.
      else if (isFalse(filter, "allowUnlisted") || childElements(filter).some(restricts))
        none(filter, "no request is refused by it: let the application do it");
    }
  }
  return limit;
}

function restricts(entry: Element): boolean {
  return !["remove", "clear"].includes(nameOf(entry)) && !isTrue(entry, "allowed");
}

function readLimits(file: XmlFile, limits: Element, none: Tell): number | undefined {
  for (const attribute of attributesOf(limits)) {
    const name = nameOf(attribute);
    if (name !== "maxallowedcontentlength")
      none(limits, "a request's head may have 16 KiB", `<${limits.nodeName} ${attribute.name}>`);
  }
  for (const child of childElements(limits)) none(child, "a request's head may have 16 KiB");
  const attribute = attributeOf(limits, "maxAllowedContentLength");
  if (attribute === undefined) return undefined;
  const number = /^\d{1,10}$/.test(attribute.value) ? Number(attribute.value) : Number.NaN;
  if (number <= MAX_UINT32) return number;
  const what = `${attribute.name}="${attribute.value}" is not a whole number from 0 to ${MAX_UINT32}`;
  throw invalidAt(file, attribute, what);
}

const MAX_UINT32 = 4_294_967_295;
const NAMES_SHOWN = 3;

function readRewrite(rewrite: Element, none: Tell): void {
  const rules = ["rules", "outboundRules"]
    .flatMap((name) => childrenNamed(rewrite, name))
    .flatMap((list) => childrenNamed(list, "rule"))
    .filter(acts)
    .map((rule) => attributeOf(rule, "name")?.value ?? "");
  if (rules.length === 0) return;
  const more = rules.length > NAMES_SHOWN ? `, and ${rules.length - NAMES_SHOWN} more` : "";
  none(
    rewrite,
    WITHOUT_EFFECT["rewrite"] ?? "",
    `<rewrite> (${rules.slice(0, NAMES_SHOWN).join(", ")}${more})`,
  );
}

function acts(rule: Element): boolean {
  if (isFalse(rule, "enabled")) return false;
  const types = childrenNamed(rule, "action").map((action) => attributeOf(action, "type")?.value ?? "None");
  return types.some((type) => !/^none$/i.test(type)) || childrenNamed(rule, "serverVariables").length > 0;
}

function isFalse(element: Element, name: string): boolean {
  return /^false$/i.test(attributeOf(element, name)?.value ?? "");
}

function isTrue(element: Element, name: string): boolean {
  return /^true$/i.test(attributeOf(element, name)?.value ?? "");
}
