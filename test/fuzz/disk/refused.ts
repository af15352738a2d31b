import { InplaceError } from "#src/errors.js";

/** What only our own defects are called: no file and no message of others may lead to it. */
const DEFECT = "INTERNAL";

/** undefined for what was refused with a code; anything else thrown is a finding. */
export async function refusedOr<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InplaceError && error.code !== DEFECT && error.hint !== "") return undefined;
    throw error;
  }
}

/** Rejects where the work takes longer than this many milliseconds. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
