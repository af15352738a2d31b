import type { ErrorObject } from "ajv";
import { nearest } from "../nearest.ts";
import { InplaceError } from "../errors.ts";
import validate from "./compiled-schema.js";
import type { UserConfig } from "./config.ts";

/** The value as configuration. `where` names it for people. Throws CONFIG_UNKNOWN_KEY or CONFIG_INVALID. */
export function validateConfig(value: unknown, where: string): UserConfig {
  if (!validate(value)) throw asConfigError(validate.errors?.[0], where);
  const build = value.build;
  if (build?.builder === "command" && (build.command === undefined) === (build.shell === undefined)) {
    throw new InplaceError("CONFIG_INVALID", `${where}: build needs either command or shell.`);
  }
  if (value.overlap === false && value.rollout === "handover") {
    const why = "a handover runs the next release beside the old one, and overlap is false";
    throw new InplaceError("CONFIG_INVALID", `${where}: rollout can not be handover: ${why}.`, {
      hint: "Leave one of the two keys out: without rollout, an app that may not run twice is recycled.",
    });
  }
  return value;
}

function asConfigError(error: ErrorObject | undefined, where: string): InplaceError {
  const path = (error?.instancePath ?? "").slice(1).replaceAll("/", ".");
  if (error?.keyword === "additionalProperties") {
    const { additionalProperty: key } = error.params as { additionalProperty: string };
    const known = Object.keys((error.parentSchema?.["properties"] as object | undefined) ?? {});
    const full = path === "" ? key : `${path}.${key}`;
    const near = nearest(key, known);
    const meant = near === undefined ? "" : `Did you mean ${JSON.stringify(near)}? `;
    return new InplaceError("CONFIG_UNKNOWN_KEY", `${where}: there is no key ${JSON.stringify(full)}.`, {
      hint: `${meant}docs/configuration.md of this package lists all.`,
    });
  }
  const what = path === "" ? "the configuration" : path;
  return new InplaceError("CONFIG_INVALID", `${where}: ${what} ${explain(error)}.`);
}

function explain(error: ErrorObject | undefined): string {
  const params = error?.params ?? {};
  if (error?.keyword === "enum") return `must be one of ${(params["allowedValues"] as string[]).join(", ")}`;
  if (error?.keyword === "discriminator") return "needs a builder: entry, executable, command or directory";
  if (error?.keyword === "required") return `needs ${String(params["missingProperty"])}`;
  return error?.message ?? "is not valid";
}
