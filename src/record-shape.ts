/** Whether a value that was read is of a type. */
export type Check<T> = (value: unknown) => value is T;

/** A check for each field of a record; that of one which may be absent takes undefined. */
export type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> };

/** The value that a text of JSON is, undefined for one of another shape and for what is no JSON: whoever wrote it, it ends no reader. */
export function parseShape<T>(text: string, isSound: Check<T>): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isSound(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An object each of whose fields is what it has to be; it may have others. */
export function withFields<T extends object>(fields: Fields<T>): Check<T> {
  return (value): value is T => isObject(value) && unsoundFields(value, fields).length === 0;
}

/** The names of the fields that are not what they have to be. */
export function unsoundFields<T extends object>(value: object, fields: Fields<T>): string[] {
  const found: Readonly<Record<string, unknown>> = { ...value };
  const unsound: string[] = [];
  for (const name in fields) if (!fields[name](found[name])) unsound.push(name);
  return unsound;
}

/** Neither null nor a list. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isAnything(_value: unknown): _value is unknown {
  return true;
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

/** What JSON.stringify writes for a number that is one. */
export function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && isNumber(value) && value >= 0;
}

/** That of a process: more than 31 bits no system gives, and process.kill() takes. */
export function isPid(value: unknown): value is number {
  return isWhole(value) && value < 2 ** 31;
}

/** ISO 8601, as Date reads it. */
export function isTime(value: unknown): value is string {
  return isText(value) && !Number.isNaN(Date.parse(value));
}

export function isOneOf<T extends string>(...values: readonly T[]): Check<T> {
  return (value): value is T => values.some((each) => each === value);
}

export function isWithin(least: number, most: number): Check<number> {
  return (value): value is number => isWhole(value) && value >= least && value <= most;
}

export function orAbsent<T>(isSound: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || isSound(value);
}

export function isListOf<T>(isSound: Check<T>): Check<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(isSound);
}

export function isAnyOf<T extends readonly unknown[]>(
  ...checks: { readonly [K in keyof T]: Check<T[K]> }
): Check<T[number]> {
  return (value): value is T[number] => checks.some((isSound) => isSound(value));
}
