/** The last instant that a Date can be, on either side of 1970. Milliseconds. https://tc39.es/ecma262/#sec-time-values-and-time-range */
const FURTHEST_MS = 8.64e15;

/** A file's time as a Date that is one: some file systems keep times of the year 300000, whose toISOString() throws. */
export function dateOf(ms: number): Date {
  return new Date(Math.min(Math.max(Math.round(ms) || 0, -FURTHEST_MS), FURTHEST_MS));
}
