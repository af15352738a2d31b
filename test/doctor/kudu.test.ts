import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkKudu } from "#src/doctor/host.js";
import type { Patient } from "#src/doctor/patient.js";
import { siteLayout } from "#src/site/layout.js";
import { temporaryFolder } from "../rig/temporary-site.ts";

test("under Kudu, doctor takes what .deployment sets for set, wherever the repository is, unless an app setting says otherwise", async (t) => {
  const home = await temporaryFolder(t);
  const layout = siteLayout(join(home, "wwwroot"));
  const codes = async (env: NodeJS.ProcessEnv): Promise<string[]> => {
    const patient = { layout, env: { SCM_COMMIT_ID: "4be1a9c0de", ...env } } as unknown as Patient;
    return (await checkKudu(patient)).map(({ code }) => code);
  };
  assert.deepEqual(await codes({}), ["KUDU_APP_OFFLINE", "KUDU_TOUCHES_WEB_CONFIG"]);
  const text =
    "[config]\r\ncommand = bash deploy.sh\r\n; SCM_NOTHING = 1\r\n SCM_CREATE_APP_OFFLINE = 0 \r\n";
  await mkdir(join(home, "repository"));
  await writeFile(join(home, "repository", ".deployment"), text);
  assert.deepEqual(await codes({}), ["KUDU_TOUCHES_WEB_CONFIG"]);
  await mkdir(join(home, "elsewhere"));
  await writeFile(join(home, "elsewhere", ".deployment"), "SCM_TOUCH_WEBCONFIG_AFTER_DEPLOYMENT=0");
  assert.deepEqual(await codes({ DEPLOYMENT_SOURCE: join(home, "elsewhere") }), ["KUDU_APP_OFFLINE"]);
  assert.deepEqual(await codes({ SCM_CREATE_APP_OFFLINE: "1" }), [
    "KUDU_APP_OFFLINE",
    "KUDU_TOUCHES_WEB_CONFIG",
  ]);
});
