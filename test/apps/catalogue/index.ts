import type { App } from "../app.ts";
import { HTTP } from "./http.ts";

export const APPS: readonly App[] = [...HTTP];
