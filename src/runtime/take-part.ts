import { readFileSync } from "node:fs";
import { appProcess, type AppProcess } from "./app-process.ts";
import { siteLayout, type SiteLayout } from "../site/layout.ts";
import { isVerified } from "../site/verified.ts";
import { EXIT_REFUSED, exitNow, tellTakenPort } from "./exit.ts";
import { GivenSockets } from "./given-sockets.ts";
import { observeListen } from "./listen.ts";
import { say } from "./words.ts";

/** What waits in the queue of a given socket stays there for the successor, which starts when this process has ended. */
const GIVEN = { keepAccepting: true } as const;

/** Makes an unchanged app that starts afterwards in this process take part. Ends the process where it must not run. */
export async function takePart(): Promise<void> {
  const app = appProcess();
  if (app.role === "app") await checkStart(app);
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
async function checkStart(app: AppProcess): Promise<void> {
  const { site, startMs } = app;
  if (site === undefined) return;
  const { root, artifact, needsSignature, watchedOutside } = site;
  const layout = siteLayout(root);
  const watches = !watchedOutside && app.hasPort && isUnproven(layout, artifact);
  if (!needsSignature && !watches && isVerified(layout, artifact)) return;
  const refuse = (reason: string): void => {
    say(reason);
    exitNow(EXIT_REFUSED);
  };
  const limit = { ms: startMs, over: refuse, elsewhere: () => app.ports };
  const startCheck = await import("./start-check.ts");
  const { refused, start } = await startCheck.checkStart(
    site,
    process.argv[1] ?? "",
    watches ? limit : undefined,
  );
  if (refused !== undefined) refuse(refused);
  if (start !== undefined) app.whenReachable(() => start.listens());
}

/** Another one is the last good. In step with the start of a process, hence without promises. */
function isUnproven({ lastGood }: SiteLayout, artifact: string): boolean {
  try {
    return readFileSync(lastGood, "utf8").trim() !== artifact;
  } catch {
    return false; // Nothing to go back to.
  }
}
