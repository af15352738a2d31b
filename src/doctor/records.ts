import { join } from "node:path";
import { entryPoint } from "../site/entry-point.ts";
import { readHistory } from "../site/history.ts";
import { lockOwner } from "../site/lock.ts";
import { exists } from "../site/present.ts";
import { currentRuntime } from "../site/runtime-bundle.ts";
import { finding, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

export async function checkConfig({ configError }: Patient): Promise<readonly Finding[]> {
  return configError === undefined ? [] : [finding("CONFIG_UNSOUND", configError.message, configError.hint)];
}

export async function checkHistory({ layout }: Patient): Promise<readonly Finding[]> {
  const { damagedLines } = await readHistory(layout);
  if (damagedLines === 0) return [];
  return [finding("HISTORY_DAMAGED", `${damagedLines} lines of ${layout.history} are no records.`)];
}

export async function checkLock({ layout }: Patient): Promise<readonly Finding[]> {
  const left = await exists(layout.lock);
  if (!left || (await lockOwner(layout)) !== undefined) return [];
  return [finding("LOCK_LEFT", `${layout.lock} is of a deploy that has ended.`)];
}

/** Programs in other languages need no runtime. */
export async function checkRuntime({ layout, pointer }: Patient): Promise<readonly Finding[]> {
  if (pointer.state !== "names") return [];
  const program = await entryPoint(pointer.path).catch(() => "");
  if (!/\.[mc]?js$/.test(program)) return [];
  const current = await currentRuntime(layout);
  if (current !== undefined && (await exists(join(layout.runtime, current, "register.mjs")))) return [];
  return [finding("RUNTIME_MISSING", `${layout.runtime} holds no runtime for ${pointer.artifact}.`)];
}
