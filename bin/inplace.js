#!/usr/bin/env node
// Before anything is loaded: an older Node would fail with a syntax error or a missing function.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`inplace-deploy needs Node 20.19 or newer; this is ${process.version}`);
  process.exit(2);
}
const { main } = await import("../dist/bundle/main.js");
process.exitCode = await main(process.argv.slice(2));
