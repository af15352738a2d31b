import { InplaceError } from "../errors.ts";

/** A whole number from 1. Throws USAGE. */
export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InplaceError("USAGE", `Not a number from 1: ${JSON.stringify(text)}.`);
}
