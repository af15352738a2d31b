import { request } from "node:http";
import { LOOPBACK } from "../process/port.ts";

/** How long the answer may take, milliseconds; the stop itself goes on without one. */
const ANSWER_LIMIT_MS = 1_000;

/**
 * The module's way of asking a process to stop: POST /iisintegration with the token that only the two know.
 * True where it answered 202 (Microsoft.AspNetCore.Server.IISIntegration does).
 */
export function askToStop(port: number, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({
      host: LOOPBACK,
      port,
      method: "POST",
      path: "/iisintegration",
      agent: false,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      headers: {
        "MS-ASPNETCORE-EVENT": "shutdown",
        "MS-ASPNETCORE-TOKEN": token,
        "Content-Length": 0,
      },
    });
    asked.once("response", (response) => {
      response.resume();
      resolve(response.statusCode === 202);
    });
    asked.once("error", () => resolve(false));
    asked.end();
  });
}
