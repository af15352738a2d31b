import type { App } from "../app.ts";
import { API } from "./api.ts";
import { FRAMEWORKS } from "./frameworks.ts";
import { HTTP } from "./http.ts";
import { LANGUAGES } from "./languages.ts";
import { LISTENING } from "./listening.ts";
import { PROTOCOLS } from "./protocols.ts";
import { REALTIME } from "./realtime.ts";
import { VITE } from "./vite.ts";

/** The matrix, in the order of the runs. */
export const APPS: readonly App[] = [
  ...HTTP,
  ...API,
  ...LISTENING,
  ...PROTOCOLS,
  ...REALTIME,
  ...LANGUAGES,
  ...FRAMEWORKS,
  ...VITE,
];
