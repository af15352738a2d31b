import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { pathOf, type OwnAnswer } from "./own-requests.ts";

/** What IIS's module tells the process that it starts. */
export interface ModuleToken {
  readonly token: string;
  /** Where the site's application lies, "/" or "/shop". */
  readonly appPath: string;
}

/**
 * Newer IIS modules ask for a graceful stop by `POST <application path>/iisintegration` with their token; the answer is
 * 202. With a wrong token it is the app's request. https://github.com/dotnet/aspnetcore (Servers/IIS, IISMiddleware)
 */
export function shutdownAnswer({ token, appPath }: ModuleToken, stop: () => void): OwnAnswer {
  const paths = new Set(["/iisintegration", `${appPath.toLowerCase().replace(/\/+$/, "")}/iisintegration`]);
  return (request, response) => {
    const asked =
      request.method === "POST" &&
      paths.has(pathOf(request).toLowerCase()) &&
      header(request, "ms-aspnetcore-event").toLowerCase() === "shutdown" &&
      same(header(request, "ms-aspnetcore-token"), token);
    if (!asked) return false;
    request.resume();
    response.writeHead(202).end();
    stop();
    return true;
  };
}

function header({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
