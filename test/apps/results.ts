import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Front } from "./app.ts";
import { CACHE } from "./packages.ts";
import type { Outcome } from "./run.ts";

const FOLDER = join(CACHE, "results");

/** One line of the table, kept until a run of the same app replaces it. */
export interface Result {
  readonly app: string;
  readonly version: string;
  readonly front: Front;
  /** What had to be configured beyond init; empty where init was enough. */
  readonly configured: string;
  /** Why init was not enough. */
  readonly withoutIt: string;
  readonly bad: string;
  readonly remark: string;
  /** The commit of inplace-deploy. */
  readonly product: string;
  readonly outcome: Outcome | { readonly failed: string };
}

export function passed({ outcome }: Result): boolean {
  return "sent" in outcome && lostOf(outcome) === 0 && outcome.faults.length === 0;
}

export function lostOf(outcome: Outcome): number {
  return Object.values(outcome.lost).reduce((sum, count) => sum + count, 0);
}

export async function keep(result: Result): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(fileOf(result.app, result.front), `${JSON.stringify(result, undefined, 2)}\n`);
}

export async function kept(app: string, front: Front): Promise<Result | undefined> {
  const text = await readFile(fileOf(app, front), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Result);
}

export async function allKept(): Promise<readonly Result[]> {
  const names = (await readdir(FOLDER).catch(() => [])).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(FOLDER, name), "utf8")) as Result),
  );
}

function fileOf(app: string, front: Front): string {
  return join(FOLDER, `${app.replaceAll(/[^\w.-]+/g, "-")}.${front}.json`);
}
