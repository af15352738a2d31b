import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CONFIG_FILE, loadConfig } from "#src/config/load.js";
import { parseWebConfig } from "#src/platform/web-config/read.js";
import { readSites } from "#src/platform/sites/site-list.js";
import { temporaryFolder } from "../../rig/temporary-site.ts";
import { Finding, type Part } from "../part.ts";
import { ODD_VALUES, oddJson, oddObject, type Choice } from "../odd-json.ts";
import { Random } from "../random.ts";
import { shown } from "../shown.ts";
import { refusedOr } from "./refused.ts";

const KEYS = [
  "site",
  "build",
  "builder",
  "command",
  "shell",
  "entry",
  "files",
  "keep",
  "drain",
  "deadlineMs",
  "rollout",
  "overlap",
  "supervise",
  "haproxy",
  "requireSignature",
  "branch",
  "sites",
  "host",
  "path",
  "root",
  "inplace",
  "__proto__",
  "constructor",
  "toString",
] as const;
const VALUES: Choice<unknown> = [...ODD_VALUES, "entry", "command", "handover", "../..", "/", "a b", "30s"];
const JSON_PIECES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\ufeff",
  "\0",
  "null",
  "1e999",
  "//",
  "\n",
] as const;
const XML_PIECES = [
  "<configuration>",
  "</configuration>",
  "<system.webServer>",
  "</system.webServer>",
  '<httpPlatform processPath=".\\launch.cmd" />',
  '<aspNetCore processPath="x" requestTimeout="99:99:99" startupTimeLimit="-1" />',
  '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c "&b;&b;">]>',
  "&c;",
  "&#0;",
  "<handlers><add name='a' path='*' verb='*' modules='httpPlatformHandler'/></handlers>",
  "<handlers><remove/><clear/></handlers>",
  "<environmentVariables><environmentVariable name='' value='&lt;'/></environmentVariables>",
  "<httpProtocol><customHeaders><add name='X-A' value='\u00e9'/><add name='a b' value='&#10;'/></customHeaders></httpProtocol>",
  "<security><requestFiltering><requestLimits maxAllowedContentLength='4294967296'/><verbs/></requestFiltering></security>",
  "<rewrite><rules><rule/><rule name='&lt;'/></rules></rewrite><webSocket enabled='FALSE'/><__proto__ lockItem='x'/>",
  "<location path='.'>",
  "</location>",
  "<!--",
  "]]>",
  "\0",
  "=",
  "'",
  " ",
] as const;
const SOUND_XML =
  '<?xml version="1.0"?><configuration><system.webServer><httpPlatform processPath="a" arguments="b" startupTimeLimit="5">' +
  '<environmentVariables><environmentVariable name="A" value="b"/></environmentVariables></httpPlatform></system.webServer></configuration>';

/** Whatever configuration holds, it is taken or refused with a code, and changes no prototype. */
export const CONFIGURATION: Part = {
  name: "configuration",
  unit: "files",
  async run(run) {
    const folder = await temporaryFolder(run);
    await run.each(async (seed) => {
      const random = new Random(seed);
      const wrong = random.onceIn(2) ? await webConfig(random) : await json(random, folder);
      if (wrong !== undefined) throw new Finding(seed, shown(wrong));
    });
  },
};

async function webConfig(random: Random): Promise<string | undefined> {
  const text = random.onceIn(2)
    ? random.list(random.below(12), () => random.pick(XML_PIECES)).join("")
    : random.mutated(SOUND_XML, 1 + random.below(3), XML_PIECES);
  const config = await refusedOr(() => parseWebConfig("web.config", Buffer.from(text, "latin1")));
  if (config === undefined) return undefined;
  if (config.processPath === "") return `no processPath: ${text}`;
  if (/root:x:0/.test(JSON.stringify(config))) return `it reads other files: ${text}`;
  const numbers = [config.startupTimeLimitMs, config.requestTimeoutMs, config.rapidFailsPerMinute];
  return numbers.every((value) => Number.isFinite(value) && value >= 0) ? undefined : `odd times: ${text}`;
}

async function json(random: Random, folder: string): Promise<string | undefined> {
  const sound = JSON.stringify(oddObject(random, KEYS, () => oddJson(random, KEYS, VALUES)));
  const text = random.onceIn(3) ? random.mutated(sound, 1 + random.below(3), JSON_PIECES) : sound;
  const file = random.pick([CONFIG_FILE, "package.json", "sites.json"]);
  const path = join(folder, file);
  if (random.onceIn(50)) await mkdir(path);
  else await writeFile(path, file === "package.json" && random.onceIn(2) ? `{"inplace":${text}}` : text);
  await refusedOr<unknown>(() => (file === "sites.json" ? readSites(path) : loadConfig(folder)));
  await rm(path, { recursive: true });
  return Object.keys(Object.prototype).length === 0 ? undefined : `it changes a prototype: ${text}`;
}
