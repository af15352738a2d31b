import { ARCHIVES } from "./disk/archives.ts";
import { CONFIGURATION } from "./disk/configuration.ts";
import { POINTERS } from "./disk/pointers.ts";
import { RECORDS } from "./disk/records.ts";
import { HTTP1 } from "./live/http1.ts";
import { HTTP2 } from "./live/http2.ts";
import { ANSWERS } from "./messages/answers.ts";
import { BODIES } from "./messages/bodies.ts";
import { HEADS } from "./messages/heads.ts";
import type { Part } from "./part.ts";
import { CONTROL } from "./supervisor/control.ts";
import { WORKERS } from "./supervisor/workers.ts";

export const PARTS: readonly Part[] = [
  HEADS,
  BODIES,
  ANSWERS,
  HTTP1,
  HTTP2,
  ARCHIVES,
  CONFIGURATION,
  POINTERS,
  RECORDS,
  CONTROL,
  WORKERS,
];
