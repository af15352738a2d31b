import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openStaging } from "#src/deploy/staging.js";
import { examine } from "#src/doctor/examine.js";
import { markFailed } from "#src/site/health-marks.js";
import { appendHistory } from "#src/site/history.js";
import type { SiteLayout } from "#src/site/layout.js";
import { makeControlPlace } from "#src/supervisor/control-place.js";
import { temporarySite } from "../rig/temporary-site.js";

interface Wrong {
  readonly what: string;
  readonly put: (layout: SiteLayout) => Promise<unknown>;
  readonly told: RegExp;
  /** What meets it; a deploy before it builds, if not said otherwise. */
  readonly meets?: (layout: SiteLayout) => Promise<unknown>;
  readonly code?: string;
}

const own = ({ history }: SiteLayout): string => dirname(history);
const FILE_FOR_FOLDER = /\.inplace is a file in the place of a folder\./;
const notThere = async (layout: SiteLayout): Promise<string> => {
  await rm(layout.target, { recursive: true });
  return join(layout.root, "volume");
};

const WRONG: readonly Wrong[] = [
  {
    what: "a target folder that leads to a volume that is not mounted",
    put: async (layout) => symlink(await notThere(layout), layout.target, "junction"),
    told: /_target is a link to .*volume[\\/]?, which is not there\./,
  },
  {
    what: "a target folder that is a file",
    put: async (layout) => writeFile(layout.target, String(await notThere(layout))),
    told: /_target is a file in the place of a folder\./,
  },
  {
    what: "a pointer that is a folder",
    put: ({ pointer }) => mkdir(pointer),
    told: /_artifact\.txt is a folder in the place of a file\./,
  },
  {
    what: "an own folder that is a file",
    put: (layout) => writeFile(own(layout), ""),
    told: FILE_FOR_FOLDER,
  },
  {
    what: "an own folder that is a file, for a supervisor",
    put: (layout) => writeFile(own(layout), ""),
    told: FILE_FOR_FOLDER,
    meets: makeControlPlace,
    code: "CONTROL_UNAVAILABLE",
  },
  {
    what: "an own folder that is a file, for who marks a failure",
    put: (layout) => writeFile(own(layout), ""),
    told: FILE_FOR_FOLDER,
    meets: (layout) => markFailed(layout, "app-1.mjs", "it failed"),
  },
  {
    what: "a history that is a folder",
    put: ({ history }) => mkdir(history, { recursive: true }),
    told: /history\.jsonl is a folder in the place of a file\./,
    meets: (layout) => appendHistory(layout, { event: "live", artifact: "app-1.mjs" }),
  },
];

for (const { what, put, told, meets = openStaging, code = "RECORD_UNSAFE" } of WRONG)
  test(`${what} is named as what it is`, async (t) => {
    const layout = await temporarySite(t);
    await put(layout);
    await assert.rejects(meets(layout), { code, message: told });
    if (meets !== openStaging) return;
    const found = await examine(layout, { env: {} });
    const finding = found.find((each) => told.test(each.what));
    assert.ok(finding !== undefined, JSON.stringify(found));
    assert.match(finding.cure, /remove/);
  });
