import { readFile } from "node:fs/promises";
import type { Element } from "@xmldom/xmldom";
import { distance } from "fastest-levenshtein";
import { asFileError, InplaceError, systemCode } from "../../errors.ts";
import { spelled } from "../../site/windows-names.ts";
import { readAttributes, type AttributeSpec, type AttributeValue } from "./attributes.ts";
import { readCollection } from "./collection.ts";
import { withSources } from "./config-source.ts";
import { readMappings, type HandlerMapping } from "./mappings.ts";
import { isWholeSite, readSettings, type SiteSettings } from "./settings.ts";
import {
  attributeOf,
  childElements,
  childrenNamed,
  invalidAt,
  nameOf,
  parseXml,
  placeIn,
  type XmlFile,
} from "./xml.ts";

/** What web.config asks of the handler: every value is there; times in milliseconds, texts not yet expanded. */
export interface PlatformConfig extends SiteSettings {
  readonly file: string;
  readonly section: "httpPlatform" | "aspNetCore";
  /** Names of the attributes that the section has. */
  readonly attributes: readonly string[];
  /** Where its attributes, environment variables and watched files stand, by name: `FILE:LINE:COLUMN`. */
  readonly places: ReadonlyMap<string, string>;
  readonly processPath: string;
  readonly arguments: string;
  readonly startupTimeLimitMs: number;
  /** How often a start is tried. */
  readonly startupAttempts: number;
  readonly shutdownTimeLimitMs: number;
  readonly rapidFailsPerMinute: number;
  readonly requestTimeoutMs: number;
  readonly processesPerApplication: number;
  readonly stdoutLogEnabled: boolean;
  readonly stdoutLogFile: string;
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** Files whose change stops the process gracefully. */
  readonly recycleOnFileChange: readonly string[];
  /** A change of web.config leaves the processes as they are (disallowRotationOnConfigChange). */
  readonly keepsProcesses: boolean;
  /** Empty: everything is for the handler. */
  readonly mappings: readonly HandlerMapping[];
}

type ProcessConfig = Omit<PlatformConfig, keyof SiteSettings>;

const COMMON: readonly AttributeSpec[] = [
  { kind: "text", name: "processPath" },
  { kind: "text", name: "arguments" },
  { kind: "number", name: "startupTimeLimit", from: 0, to: 3600 },
  { kind: "number", name: "rapidFailsPerMinute", from: 0, to: 100 },
  { kind: "time", name: "requestTimeout", maxDays: 30 },
  { kind: "number", name: "processesPerApplication", from: 1, to: 100 },
  { kind: "boolean", name: "stdoutLogEnabled" },
  { kind: "text", name: "stdoutLogFile" },
  { kind: "boolean", name: "forwardWindowsAuthToken" },
];

/** httpPlatform_schema.xml of version 1.2. */
const HTTP_PLATFORM: readonly AttributeSpec[] = [
  ...COMMON,
  { kind: "number", name: "startupRetryCount", from: 0, to: 100 },
];

/** aspnetcore_schema.xml; https://learn.microsoft.com/aspnet/core/host-and-deploy/aspnet-core-module */
const ASP_NET_CORE: readonly AttributeSpec[] = [
  ...COMMON,
  { kind: "number", name: "shutdownTimeLimit", from: 0, to: 600 },
  { kind: "boolean", name: "disableStartUpErrorPage" },
  { kind: "text", name: "hostingModel" },
];

const DEFAULTS = {
  startupTimeLimit: 120,
  /** HttpPlatformHandler 1.2. */
  startupRetryCount: 10,
  /** Hard-coded in the ASP.NET Core module. */
  aspNetCoreAttempts: 2,
  shutdownTimeLimit: 10,
  rapidFailsPerMinute: 10,
  requestTimeoutMs: 120_000,
  processesPerApplication: 1,
} as const;

/** Its name without regard to case. Throws WEB_CONFIG_MISSING, NAME_AMBIGUOUS, or WEB_CONFIG_INVALID with file, line and column. */
export async function readWebConfig(path: string): Promise<PlatformConfig> {
  let bytes: Buffer;
  try {
    bytes = await readFile(spelled(path));
  } catch (error) {
    if (error instanceof InplaceError) throw error;
    if (systemCode(error) !== "ENOENT") throw asFileError(error, path);
    throw new InplaceError("WEB_CONFIG_MISSING", `There is no ${path}.`, { cause: error });
  }
  return parseWebConfig(path, bytes);
}

export function parseWebConfig(path: string, bytes: Buffer): PlatformConfig {
  const document = parseXml(path, bytes);
  const { root } = document;
  if (nameOf(root) !== "configuration") {
    throw invalidAt(document, root, `the root element is <${root.nodeName}>, not <configuration>`);
  }
  const servers = serverSections(root);
  const file = withSources(document, servers);
  const sections = servers.flatMap((server) => [
    ...childrenNamed(server, "httpPlatform"),
    ...childrenNamed(server, "aspNetCore"),
  ]);
  const [section, second] = sectionsOfHandlers(servers, sections);
  if (section === undefined) throw noSection(file, servers);
  if (second !== undefined) throw invalidAt(file, second, `<${second.nodeName}> is a second process section`);
  return { ...readSection(file, section, readMappings(file, servers)), ...settings(file, servers, section) };
}

/** Of both kinds those that `<handlers>` gives requests to, where it says so. */
function sectionsOfHandlers(servers: readonly Element[], sections: readonly Element[]): readonly Element[] {
  const modules = servers
    .flatMap((server) => childrenNamed(server, "handlers"))
    .flatMap((handlers) => childrenNamed(handlers, "add"))
    .map((add) => (attributeOf(add, "modules")?.value ?? "").toLowerCase());
  const named = sections.filter((section) => modules.some((module) => module.startsWith(nameOf(section))));
  return named.length === 0 ? sections : named;
}

function settings(file: XmlFile, servers: readonly Element[], section: Element): SiteSettings {
  const found = readSettings(file, servers);
  const withoutEffect = [...found.withoutEffect];
  for (const [name, value, why] of OF_IIS_ALONE) {
    const attribute = attributeOf(section, name);
    if (attribute?.value.toLowerCase() !== value) continue;
    withoutEffect.push({ place: placeIn(file, attribute), setting: `${name}="${value}"`, why });
  }
  return { ...found, withoutEffect };
}

const OF_IIS_ALONE = [
  ["forwardWindowsAuthToken", "true", "it takes IIS and its Windows authentication"],
  ["hostingModel", "inprocess", "the application runs as a process of its own, as with OutOfProcess"],
] as const;

function noSection(file: XmlFile, servers: readonly Element[]): InplaceError {
  const misspelled = servers
    .flatMap(childElements)
    .find((element) => ["httpplatform", "aspnetcore"].some((name) => distance(nameOf(element), name) <= 2));
  if (misspelled !== undefined) {
    const hint = "Did you mean <httpPlatform>, or <aspNetCore>? IIS would answer 500.19.";
    return invalidAt(file, misspelled, `unrecognized element <${misspelled.nodeName}>`, hint);
  }
  const handler = servers
    .flatMap((server) => childrenNamed(server, "handlers"))
    .flatMap((handlers) => childrenNamed(handlers, "add"))
    .find((add) => attributeOf(add, "modules") !== undefined);
  const whose = handler === undefined ? "" : `: it is for ${attributeOf(handler, "modules")?.value}`;
  return invalidAt(
    file,
    handler ?? servers[0] ?? file.root,
    `there is no <httpPlatform> or <aspNetCore> in <system.webServer>${whose}`,
    "inplace-deploy init --force writes one that starts the site by launch.cmd, and keeps this one as web.config.before-inplace.",
  );
}

/** `<system.webServer>` of the whole site: at the top or in a `<location>` that means the site itself. */
function serverSections(root: Element): Element[] {
  const whole = childrenNamed(root, "location").filter((location) =>
    isWholeSite(attributeOf(location, "path")?.value ?? ""),
  );
  return [root, ...whole].flatMap((parent) => childrenNamed(parent, "system.webServer"));
}

function readSection(file: XmlFile, element: Element, mappings: readonly HandlerMapping[]): ProcessConfig {
  const section = nameOf(element) === "httpplatform" ? "httpPlatform" : "aspNetCore";
  const specs = section === "httpPlatform" ? HTTP_PLATFORM : ASP_NET_CORE;
  const values = readAttributes(file, element, specs);
  const model = attributeOf(element, "hostingModel");
  if (model !== undefined && !/^(outofprocess|inprocess)?$/i.test(model.value)) {
    throw invalidAt(file, model, `hostingModel="${model.value}" is neither InProcess nor OutOfProcess`);
  }
  const processPath = text(values, "processPath", "").trim();
  if (processPath === "") throw invalidAt(file, element, `<${element.nodeName}> needs a processPath`);
  const retries = number(values, "startupRetryCount", DEFAULTS.startupRetryCount);
  return {
    file: file.path,
    section,
    attributes: [...values.keys()],
    places: new Map([
      ...[...values.keys()].map((name) => [name, placeIn(file, attributeOf(element, name))] as const),
      ...childElements(element)
        .flatMap(childElements)
        .map((entry) => [nameIn(entry), placeIn(file, entry)] as const),
    ]),
    processPath,
    arguments: text(values, "arguments", ""),
    startupTimeLimitMs: number(values, "startupTimeLimit", DEFAULTS.startupTimeLimit) * 1000,
    startupAttempts: section === "httpPlatform" ? Math.max(1, retries) : DEFAULTS.aspNetCoreAttempts,
    shutdownTimeLimitMs: number(values, "shutdownTimeLimit", DEFAULTS.shutdownTimeLimit) * 1000,
    rapidFailsPerMinute: number(values, "rapidFailsPerMinute", DEFAULTS.rapidFailsPerMinute),
    requestTimeoutMs: number(values, "requestTimeout", DEFAULTS.requestTimeoutMs),
    processesPerApplication: number(values, "processesPerApplication", DEFAULTS.processesPerApplication),
    stdoutLogEnabled: values.get("stdoutLogEnabled") === true,
    stdoutLogFile: text(values, "stdoutLogFile", `.\\${section.toLowerCase()}-stdout`),
    mappings,
    ...readChildren(file, element),
  };
}

function readChildren(
  file: XmlFile,
  section: Element,
): Pick<PlatformConfig, "environment" | "keepsProcesses" | "recycleOnFileChange"> {
  let keepsProcesses = false;
  let environment: PlatformConfig["environment"] = [];
  let recycleOnFileChange: readonly string[] = [];
  for (const child of childElements(section)) {
    switch (nameOf(child)) {
      case "environmentvariables":
        environment = readCollection(file, child, "environmentVariable", "name").map(
          ({ key, element }) => [key, attributeOf(element, "value")?.value ?? ""] as const,
        );
        break;
      case "recycleonfilechange":
        recycleOnFileChange = readCollection(file, child, "file", "path").map(({ key }) => key);
        break;
      case "handlersettings":
        // The others are for IIS's own process.
        keepsProcesses = readCollection(file, child, "handlerSetting", "name").some(
          ({ key, element }) =>
            /^disallowRotationOnConfigChange$/i.test(key) &&
            /^true$/i.test(attributeOf(element, "value")?.value ?? ""),
        );
        break;
      default:
        throw invalidAt(file, child, `unrecognized element <${child.nodeName}> in <${section.nodeName}>`);
    }
  }
  return { environment, keepsProcesses, recycleOnFileChange };
}

function nameIn(entry: Element): string {
  return attributeOf(entry, "name")?.value ?? attributeOf(entry, "path")?.value ?? "";
}

function text(values: ReadonlyMap<string, AttributeValue>, name: string, otherwise: string): string {
  const value = values.get(name);
  return typeof value === "string" ? value : otherwise;
}

function number(values: ReadonlyMap<string, AttributeValue>, name: string, otherwise: number): number {
  const value = values.get(name);
  return typeof value === "number" ? value : otherwise;
}
