import type { TestContext } from "node:test";
import { systemdUnits } from "#src/fronts/systemd/units.js";
import type { UnitOptions } from "#src/fronts/systemd/options.js";
import type { SiteLayout } from "#src/site/layout.js";
import { launchedSite } from "../runtime/launched-site.js";
import { UserSystemd } from "../rig/user-systemd.js";
import { freePort } from "../rig/free-port.js";

export interface SystemdSite {
  readonly layout: SiteLayout;
  readonly systemd: UserSystemd;
  readonly port: number;
}

/** A site whose units, as init writes them, are installed in a systemd of the test's own; its sockets listen. */
export async function systemdSite(t: TestContext, options: Partial<UnitOptions> = {}): Promise<SystemdSite> {
  const layout = await launchedSite(t);
  const systemd = await UserSystemd.start(t);
  const port = await freePort();
  const units = systemdUnits({
    site: "blog",
    root: layout.root,
    listen: [String(port)],
    manager: "user",
    ...options,
  });
  await systemd.install(units);
  await systemd.control("start", ...units.map(({ name }) => name).filter((name) => name.endsWith(".socket")));
  return { layout, systemd, port };
}

/** Source of an ordinary app that knows nothing of systemd: it answers `version N` and what it was sent. */
export function versionedApp(version: number, more = ""): string {
  return `
import http from "node:http";
const server = http.createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (chunk) => (body += chunk));
  request.on("end", () => response.end("version ${version}" + body));
});
server.listen(process.env.PORT);
${more}
`;
}
