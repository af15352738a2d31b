// Preloaded into the Node workers of `inplace supervise`, and inherited by what they fork.
import { PUBLIC_PORT_ENV, SUPERVISED_ENV } from "../../process/worker-messages.ts";
import { roleOfThisProcess } from "../role.ts";
import { readSettings } from "../settings.ts";
import { obeyClusterPrimary } from "./cluster-drain.ts";
import { WorkerProcess } from "./worker-process.ts";

if (process.env[SUPERVISED_ENV] !== undefined) takePart();

function takePart(): void {
  const role = roleOfThisProcess();
  switch (role) {
    case "app":
      if (process.send === undefined) return;
      new WorkerProcess({
        privatePort: Number(process.env["PORT"]),
        publicPort: Number(process.env[PUBLIC_PORT_ENV]),
      });
      return;
    case "worker":
      return obeyClusterPrimary(readSettings(process.env).drain);
    case "child":
      return;
    default:
      role satisfies never;
  }
}
