// A program that deploys one folder (INPLACE_TEST_SOURCE) into one site (INPLACE_TEST_SITE), without the command around it.
import { deployFolder } from "./deploy-folder.ts";

await deployFolder(
  process.env["INPLACE_TEST_SOURCE"] ?? "",
  process.env["INPLACE_TEST_SITE"] ?? "",
  process.env,
);
