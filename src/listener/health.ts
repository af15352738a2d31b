import { pathOf, type OwnAnswer } from "./own-requests.ts";
import type { StoppableServer } from "./stoppable.ts";

/** A load balancer that meets 503 sends its next requests elsewhere, and asks again after this, seconds. */
export const RETRY_AFTER_S = 5;

/**
 * GET or HEAD of the path: 200 while the server serves, 503 with Retry-After while it drains; JSON `{"status"}`.
 * It says only that the process takes requests; what else health is, the app knows.
 */
export function healthAnswer(path: string, server: Pick<StoppableServer, "isDraining">): OwnAnswer {
  return (request, response) => {
    if (pathOf(request) !== path || (request.method !== "GET" && request.method !== "HEAD")) return false;
    const { isDraining } = server;
    response.writeHead(isDraining ? 503 : 200, {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      ...(isDraining ? { "Retry-After": RETRY_AFTER_S } : {}),
    });
    response.end(
      request.method === "HEAD" ? undefined : JSON.stringify({ status: isDraining ? "draining" : "ok" }),
    );
    return true;
  };
}
