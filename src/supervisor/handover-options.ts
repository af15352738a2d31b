import type { HealthConfig, SuperviseConfig } from "../config/supervise.ts";
import {
  isFlag,
  isObject,
  isOneOf,
  isText,
  isWithin,
  orAbsent,
  parseShape,
  unsoundFields,
  withFields,
  type Fields,
} from "../record-shape.ts";
import { isHost } from "../site-host.ts";
import { LONGEST_MS } from "./options.ts";

// The same limits as schema/inplace.config.schema.json has, which checks what a deploy writes: here, in a site's runtime,
// there is no such schema, and what is written may be torn, edited by hand, or of another version.

const MOST_WORKERS = 64;
/** Else node:http refuses to ask for it. */
const PATH = /^\/[\u0021-\u00ff]*$/;

const isMs = orAbsent(isWithin(0, LONGEST_MS));
const isMsOfSome = orAbsent(isWithin(1, LONGEST_MS));
const HEALTH: Fields<HealthConfig> = {
  path: (value): value is string => isText(value) && PATH.test(value),
  status: orAbsent(isWithin(100, 599)),
  body: orAbsent(isText),
  count: orAbsent(isWithin(1, Number.MAX_SAFE_INTEGER)),
  answerMs: isMsOfSome,
  intervalMs: isMsOfSome,
};
const isHealth = withFields(HEALTH);
const FIELDS: Fields<SuperviseConfig> = {
  host: orAbsent(isHost),
  workers: orAbsent(isWithin(1, MOST_WORKERS)),
  health: orAbsent(isHealth),
  explicitReady: orAbsent(isFlag),
  proof: orAbsent(isOneOf("answer", "listen")),
  readyMs: isMsOfSome,
  probationMs: isMs,
  drainMs: isMs,
  front: orAbsent(isOneOf("held", "spliced")),
  // Windows passes no sockets to programs.
  socket: orAbsent(
    process.platform === "win32" ? isOneOf("private-port") : isOneOf("private-port", "inherit"),
  ),
};
const isConfig = withFields(FIELDS);

export interface HandoverOptions {
  readonly config: SuperviseConfig;
  /** What is not as it has to be, and left out; undefined: nothing. */
  readonly problem: string | undefined;
}

/** The options in a handover.json as far as they are sound: none of them may be the end of the site. */
export function handoverOptions(text: string): HandoverOptions {
  const given = parseShape(text, isObject);
  if (given === undefined) return { config: {}, problem: "it is no JSON object" };
  const unsound: string[] = [];
  const fields: Record<string, unknown> = { ...given };
  if (isObject(fields["health"])) {
    const health = soundFields(fields["health"], HEALTH, "health.", unsound);
    if (isHealth(health)) fields["health"] = health;
    else Reflect.deleteProperty(fields, "health");
  }
  const config = soundFields(fields, FIELDS, "", unsound);
  const problem =
    unsound.length === 0
      ? undefined
      : `${unsound.join(", ")} ${unsound.length === 1 ? "is" : "are"} not sound`;
  return { config: isConfig(config) ? config : {}, problem };
}

function soundFields<T extends object>(
  value: object,
  fields: Fields<T>,
  prefix: string,
  unsound: string[],
): object {
  const names = unsoundFields(value, fields);
  unsound.push(...names.map((name) => prefix + name));
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}
