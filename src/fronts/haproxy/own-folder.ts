import { join } from "node:path";
import { OWN_FOLDER, type SiteLayout } from "../../site/layout.ts";
import { expectOwn } from "../../site/own-account.ts";
import { haproxyFolder } from "./front.ts";

const HINT =
  "Run inplace-deploy haproxy as the account that it belongs to: what runs behind HAProxy is started by that account.";

/**
 * Throws OTHER_ACCOUNT where another account owns the folder that says what HAProxy does, and which processes are to be
 * ended: it could have this account run and end whatever it likes.
 */
export async function expectOwnFolder(layout: SiteLayout): Promise<void> {
  await expectOwn(join(layout.root, OWN_FOLDER), HINT);
  await expectOwn(haproxyFolder(layout), HINT);
}
