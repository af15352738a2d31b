import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SiteLayout } from "#src/site/layout.js";
import { accepts } from "#src/process/port.js";
import { launchedSite, start } from "../runtime/launched-site.js";
import { freePort } from "../rig/free-port.js";
import { temporaryFolder } from "../rig/temporary-site.js";
import { until } from "../rig/until.js";

/** The example's Caddyfile in a real Caddy; gives the port that it listens on. */
export async function caddy(t: TestContext, appPort: number, hold = "30s"): Promise<number> {
  const port = await freePort();
  const home = await temporaryFolder(t);
  const env = { SITE: `http://127.0.0.1:${port}`, APP_PORT: String(appPort), HOLD: hold, HOME: home };
  const args = ["run", "--adapter", "caddyfile", "--config", "examples/caddy/Caddyfile"];
  start(t, "caddy", args, { env });
  await until("Caddy listens", () => accepts(port));
  return port;
}

/** The example's nginx.conf, with other ports, in a real nginx. */
export async function nginx(t: TestContext, appPort: number): Promise<number> {
  const port = await freePort();
  const folder = await temporaryFolder(t);
  const example = await readFile("examples/nginx/nginx.conf", "utf8");
  const own = example
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replace("127.0.0.1:9000;", `127.0.0.1:${appPort};`)
    // Debian's own folders for request bodies belong to another account.
    .replace(
      "http {",
      "http { client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;",
    );
  await mkdir(join(folder, "logs"), { recursive: true });
  await writeFile(join(folder, "nginx.conf"), own);
  start(t, "nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off;"]);
  await until("nginx listens", () => accepts(port));
  return port;
}

export interface Restarted {
  readonly layout: SiteLayout;
  readonly port: number;
  /** Starts launch.sh, and again whenever it ended with 0, as a process manager would. */
  run(): void;
}

/** A site on a port of its own. */
export async function restartedSite(t: TestContext): Promise<Restarted> {
  const layout = await launchedSite(t);
  const port = await freePort();
  const run = (): void => {
    start(t, "sh", ["-c", "while sh ./launch.sh; do :; done"], {
      cwd: layout.root,
      env: { PORT: String(port) },
    });
  };
  return { layout, port, run };
}
