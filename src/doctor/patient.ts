import { loadConfig } from "../config/load.ts";
import { InplaceError } from "../errors.ts";
import { readWebConfig, type PlatformConfig } from "../platform/web-config/read.ts";
import type { SiteLayout } from "../site/layout.ts";
import { readPointer, type PointerState } from "../site/pointer.ts";
import type { Finding } from "./finding.ts";

/** What stands in for the world outside the site's folder. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** "20.19.0" */
  readonly nodeVersion: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Less free space than this is low, bytes. */
  readonly leastFreeBytes: number;
  /** Where Windows is installed; undefined elsewhere. */
  readonly windowsFolder: string | undefined;
  /** Whether file system events of other machines get lost there. */
  readonly isNetworkShare: (folder: string) => Promise<boolean>;
}

export const LEAST_FREE_BYTES = 512 * 1024 ** 2;

/** A site as the checks look at it. */
export interface Patient extends Surroundings {
  readonly layout: SiteLayout;
  readonly pointer: PointerState;
  readonly webConfig: PlatformConfig | InplaceError;
  readonly configError: InplaceError | undefined;
}

export type Check = (patient: Patient) => Promise<readonly Finding[]>;

export async function admit(layout: SiteLayout, surroundings: Surroundings): Promise<Patient> {
  const [pointer, webConfig, config] = await Promise.all([
    readPointer(layout),
    orError(readWebConfig(layout.webConfig)),
    orError(loadConfig(layout.root)),
  ]);
  const configError = config instanceof InplaceError ? config : undefined;
  return { ...surroundings, layout, pointer, webConfig, configError };
}

async function orError<T>(promise: Promise<T>): Promise<T | InplaceError> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof InplaceError) return error;
    throw error;
  }
}
