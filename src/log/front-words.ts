import type { FrontEvent } from "../events.ts";
import { info, warn, type Words } from "./line.ts";

export const FRONT_WORDS: Words<FrontEvent> = {
  "server-starting": ({ host, server, artifact, port }) =>
    info(`${host}: starting ${artifact} as ${server} on port ${port}`),
  "traffic-moved": ({ host, server, artifact, previous, ms }) =>
    info(
      `${host}: ${artifact} serves as ${server} after ${ms} ms${previous === undefined ? "" : ` (was ${previous})`}`,
    ),
  "server-stopped": ({ host, server, artifact, ms, cut }) =>
    cut === 0
      ? info(`${host}: ${artifact} drained and stopped in ${ms} ms (${server})`)
      : warn(`${host}: ${artifact} stopped after ${ms} ms with ${cut} requests still running (${server})`),
};
