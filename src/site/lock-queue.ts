import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { SiteLayout } from "./layout.ts";
import { namesIn } from "./present.ts";
import { makeFolder, removeRecord } from "./records.ts";
import { createOwned, hasEnded, readOwnership, type Owner } from "./owned-file.ts";

export interface Place {
  /** A deploy that began to wait after this one and still does. */
  newer(): Promise<Owner | undefined>;
  leave(): Promise<void>;
}

const TICKET = /^\d{9}-\d{6}$/;

/**
 * Takes a place behind all who wait. A ticket's name is its order: a number above all others, then random digits,
 * since two who come at the same instant take the same number.
 */
export async function joinQueue(layout: SiteLayout, me: Owner): Promise<Place> {
  await makeFolder(layout, layout.waiting);
  const last = (await tickets(layout)).at(-1) ?? "0";
  const number = String(Number.parseInt(last, 10) + 1).padStart(9, "0");
  const mine = `${number}-${String(randomInt(1_000_000)).padStart(6, "0")}`;
  const file = join(layout.waiting, mine);
  if (!(await createOwned(file, me)).created) return await joinQueue(layout, me);
  return {
    async newer() {
      for (const ticket of (await tickets(layout)).filter((name) => name > mine).reverse()) {
        const place = await readOwnership(join(layout.waiting, ticket));
        // One that cannot be read is being written: it is seen at the next look.
        if (place === undefined || place.owner.pid === 0) continue;
        if (!hasEnded(place.owner)) return place.owner;
        await removeRecord(layout, place.file);
      }
      return undefined;
    },
    leave: () => removeRecord(layout, file),
  };
}

/** In their order. */
async function tickets(layout: SiteLayout): Promise<string[]> {
  return (await namesIn(layout.waiting)).filter((name) => TICKET.test(name)).sort();
}
