import { defineDeploy } from "./deploy.ts";
import { defineHaproxy } from "./haproxy.ts";
import { defineDiff } from "./diff.ts";
import { defineDoctor } from "./doctor.ts";
import { defineHistory } from "./history.ts";
import { defineInit } from "./init.ts";
import { defineKeygen } from "./keygen.ts";
import { definePin } from "./pin.ts";
import { definePrune } from "./prune.ts";
import { defineReceive } from "./receive.ts";
import { defineReload } from "./reload.ts";
import { definePromote, defineRollback } from "./rollback.ts";
import { defineServe } from "./serve.ts";
import { defineStatus } from "./status.ts";
import { defineSupervise } from "./supervise.ts";
import { defineUnlock } from "./unlock.ts";
import type { DefineVerb } from "./verb.ts";
import { defineWait } from "./wait.ts";

/** In the order that --help shows them. */
export const VERBS: readonly DefineVerb[] = [
  defineInit,
  defineDeploy,
  defineServe,
  defineSupervise,
  defineStatus,
  defineHistory,
  defineRollback,
  definePromote,
  definePin,
  defineDiff,
  defineReload,
  definePrune,
  defineWait,
  defineDoctor,
  defineUnlock,
  defineKeygen,
  defineHaproxy,
  defineReceive,
];
