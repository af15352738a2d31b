import { writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { PlatformEvent } from "#src/events.js";
import {
  startPlatformHandler,
  type PlatformHandler,
  type PlatformHandlerOptions,
} from "#src/platform/handler.js";
import type { SiteLayout } from "#src/site/layout.js";
import { temporarySite } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** The application of the tests. */
export const BACKEND = fileURLToPath(new URL("backend.js", import.meta.url));

type Section = "httpPlatform" | "aspNetCore";

export interface ServedSite {
  readonly layout: SiteLayout;
  readonly handler: PlatformHandler;
  readonly events: readonly PlatformEvent[];
  readonly url: string;
  /** How many events of a type there have been. */
  count(type: PlatformEvent["type"]): number;
  /** Waits for the n-th event of a type. */
  nth(type: PlatformEvent["type"], n: number): Promise<PlatformEvent>;
}

/** A site whose launch.sh starts `program` (default: the tests' backend), served until the test ends. */
export async function serveSite(
  t: TestContext,
  options: Partial<PlatformHandlerOptions> & {
    readonly program?: string;
    readonly attributes?: string;
    readonly section?: Section;
    /** The content of an app_offline.htm that is there from the start, or what puts one there. */
    readonly offline?: string | ((path: string) => Promise<unknown>);
  } = {},
): Promise<ServedSite> {
  // Before the folder's own clean-up: on Windows the folder that a process runs in cannot be removed.
  const running: PlatformHandler[] = [];
  t.after(() => Promise.all(running.map((each) => each.stop())));
  const layout = await temporarySite(t);
  await writeSite(layout, options.attributes, options.program, options.section);
  const { offline } = options;
  if (typeof offline === "string") await writeFile(layout.appOffline, offline);
  else await offline?.(layout.appOffline);
  const events: PlatformEvent[] = [];
  const handler = await startPlatformHandler({
    siteRoot: layout.root,
    port: 0,
    events: (event) => void events.push(event),
    ...options,
  });
  running.push(handler);
  const all = (type: PlatformEvent["type"]) => events.filter((event) => event.type === type);
  return {
    layout,
    handler,
    events,
    url: `http://127.0.0.1:${handler.port}`,
    count: (type) => all(type).length,
    nth: (type, n) => until(`${type} number ${n}`, () => all(type)[n - 1]),
  };
}

/** web.config and both launchers; a `program` of its own is a shell script and for POSIX only. The attributes go into the section; its children may follow a ">". */
export async function writeSite(
  layout: SiteLayout,
  attributes = "",
  program = `exec "${process.execPath}" "${BACKEND}" "$@"`,
  section: Section = "httpPlatform",
): Promise<void> {
  await writeFile(`${layout.root}/launch.sh`, `${program}\n`);
  await writeFile(`${layout.root}/launch.cmd`, `@"${process.execPath}" "${BACKEND}" %*\r\n`);
  await writeFile(layout.webConfig, webConfig(`processPath=".\\launch.cmd" ${attributes}`, section));
}

export function webConfig(content: string, section: Section = "httpPlatform"): string {
  const element = content.includes(">") ? `<${section} ${content}</${section}>` : `<${section} ${content}/>`;
  return `<?xml version="1.0" encoding="utf-8"?>\n<configuration>\n  <system.webServer>\n    ${element}\n  </system.webServer>\n</configuration>\n`;
}

/** Which of the application's processes answered. */
export function pidOf(response: Response): number {
  return Number(response.headers.get("x-pid"));
}
