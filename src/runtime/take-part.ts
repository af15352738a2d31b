import { appProcess } from "./app-process.ts";
import { siteLayout } from "../site/layout.ts";
import { isVerified } from "../site/verified.ts";
import { EXIT_REFUSED, exitNow, tellTakenPort } from "./exit.ts";
import { GivenSockets } from "./given-sockets.ts";
import { observeListen } from "./listen.ts";
import type { Settings } from "./settings.ts";
import { say } from "./words.ts";

/** What waits in the queue of a given socket stays there for the successor, which starts when this process has ended. */
const GIVEN = { keepAccepting: true } as const;

/** Makes an unchanged app that starts afterwards in this process take part. Ends the process where it must not run. */
export async function takePart(): Promise<void> {
  const app = appProcess();
  if (app.role === "app") await checkStart(app.site);
  if (app.role === "child") return;
  if (app.site !== undefined) tellTakenPort(Number(process.env["PORT"]), () => app.hasListened);
  observeListen(
    {
      // A server that a stopping app opens is for its own end.
      listening: (server, given) => void (app.isStopping || app.add(server, given ? GIVEN : {})),
      holding: (server, holds) => app.holds(server, holds),
    },
    new GivenSockets(),
  );
}

/** Ends the process, so that the launcher starts the last good artifact, where this one is not what was published. */
async function checkStart(site: Settings["site"]): Promise<void> {
  if (site === undefined) return;
  const { root, artifact, needsSignature } = site;
  if (!needsSignature && isVerified(siteLayout(root), artifact)) return;
  const { reasonNotToStart } = await import("./start-check.ts");
  const reason = await reasonNotToStart(site, process.argv[1] ?? "");
  if (reason === undefined) return;
  say(reason);
  exitNow(EXIT_REFUSED);
}
