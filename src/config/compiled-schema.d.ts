import type { ValidateFunction } from "ajv";
import type { UserConfig } from "./config.ts";

/** schema/inplace.config.schema.json as a function, which scripts/compile-schema.js writes. */
declare const validate: ValidateFunction<UserConfig>;
export default validate;
