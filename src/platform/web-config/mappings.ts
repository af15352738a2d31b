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

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === "*") return true;
  const source = pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  // Without a leading slash the pattern is for the end of the path, as in "*.aspx".
  return new RegExp(`${pattern.startsWith("/") ? "^" : "(^|/)"}${source}$`, "i").test(path);
}

function verbsOf(list: string): string[] {
  const verbs = list.split(",").map((verb) => verb.trim().toUpperCase());
  return verbs.includes("*") ? [] : verbs.filter((verb) => verb !== "");
}
