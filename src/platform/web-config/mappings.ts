import type { Element } from "@xmldom/xmldom";
import { readCollection } from "./collection.ts";
import { attributeOf, childrenNamed, type XmlFile } from "./xml.ts";

/** One `<add>` of `<handlers>` that gives requests to the platform handler. */
export interface HandlerMapping {
  /** As IIS compares it: `*`, `*.ext`, `/folder/*` or a whole path; without case. */
  readonly path: string;
  /** In upper case; empty: every verb. */
  readonly verbs: readonly string[];
}

const MODULES = /^(httpPlatformHandler(V2)?|aspNetCore(Module(V2)?)?)$/i;

/** The mappings to our module; empty where the file has none, as then a file above it has them. */
export function readMappings(file: XmlFile, servers: readonly Element[]): HandlerMapping[] {
  return servers
    .flatMap((server) => childrenNamed(server, "handlers"))
    .flatMap((handlers) => readCollection(file, handlers, "add", "name"))
    .filter(({ element }) => MODULES.test(attributeOf(element, "modules")?.value ?? ""))
    .map(({ element }) => ({
      path: attributeOf(element, "path")?.value ?? "*",
      verbs: verbsOf(attributeOf(element, "verb")?.value ?? "*"),
    }));
}

/** Whether a request is for the handler. The path is the decoded one, without query. */
export function isMapped(mappings: readonly HandlerMapping[], method: string, path: string): boolean {
  if (mappings.length === 0) return true;
  return mappings.some(
    (mapping) =>
      (mapping.verbs.length === 0 || mapping.verbs.includes(method)) && matchesPath(mapping.path, path),
  );
}

/** Of a request target: decoded, without query; as it stands where it cannot be decoded. */
export function pathOf(target: string): string {
  const path = target.split("?", 1)[0] ?? "";
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === "*") return true;
  const parts = pattern.toLowerCase().split("*");
  const text = path.toLowerCase();
  // Without a leading slash the pattern may begin behind any slash of the path, as "*.aspx" does.
  return (
    matchesParts(parts, text) ||
    (!pattern.startsWith("/") && matchesParts(["", `/${parts[0] ?? ""}`, ...parts.slice(1)], text))
  );
}

/** Between the parts anything may stand. The first place where a part fits is as good as any: each is looked for once. */
function matchesParts(parts: readonly string[], text: string): boolean {
  const [first = "", ...others] = parts;
  const last = others.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function verbsOf(list: string): string[] {
  const verbs = list.split(",").map((verb) => verb.trim().toUpperCase());
  return verbs.includes("*") ? [] : verbs.filter((verb) => verb !== "");
}
