import cluster from "node:cluster";
import { isMainThread } from "node:worker_threads";

/**
 * app: it watches for its successor. worker: of the app's cluster; told by the app. child: anything else that the app
 * started, as `fork` and `new Worker` hand `--import` on: it is no business of the runtime.
 */
export type Role = "app" | "worker" | "child";

const APP_PID = "INPLACE_APP_PID";

/** Who this process is. The first of a family that asks is the app; its children inherit its pid in the environment. */
export function roleOfThisProcess(): Role {
  if (!isMainThread) return "child";
  const app = (process.env[APP_PID] ??= String(process.pid));
  if (app === String(process.pid)) return "app";
  return cluster.isWorker ? "worker" : "child";
}
