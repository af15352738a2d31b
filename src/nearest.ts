import { closest, distance } from "fastest-levenshtein";

/** The one of the names that a misspelled one may mean, without regard to case; none where it is like none of them. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const name = written.toLowerCase();
  const lower = names.map((each) => each.toLowerCase());
  const found = closest(name, lower);
  const mistakes = Math.max(2, Math.floor(name.length / 3));
  return distance(name, found) <= mistakes ? names[lower.indexOf(found)] : undefined;
}
