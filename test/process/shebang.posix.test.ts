import { deepEqual, equal } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { spawnCall } from "#src/process/command.js";
import { missingInterpreter } from "#src/process/shebang.js";
import { temporaryFolder } from "../rig/temporary-site.js";

test("a script is started by what its first line names, with its one argument; by /bin/sh where it names none", async (t) => {
  const root = await temporaryFolder(t);
  const path = join(root, "run.sh");
  const before: readonly (readonly [content: string, ...command: readonly string[]])[] = [
    ["#!/bin/bash\na=(1)\n", "/bin/bash"],
    ["#! /bin/bash -eu -o pipefail \n", "/bin/bash", "-eu -o pipefail"],
    ["#!/usr/bin/env bash\r\necho\r\n", "/usr/bin/env", "bash"],
    ["#!/usr/bin/env -S bash -e", "/usr/bin/env", "-S bash -e"],
    ["#!/bin/sh\n", "/bin/sh"],
    ["\uFEFF#!/bin/bash\n", "/bin/bash"],
    ["#!\n", "/bin/sh"],
    ["echo\n#!/bin/bash\n", "/bin/sh"],
    ["# !/bin/bash\n", "/bin/sh"],
    ["", "/bin/sh"],
  ];
  for (const [content, ...command] of before) {
    await writeFile(path, content);
    const { file, args } = spawnCall(".\\run.cmd", "x", root, {}, "linux");
    deepEqual([file, ...args], [...command, path, "x"], content);
  }
});

test("what a first line asks for and is not here is told, also behind env", async (t) => {
  const path = join(await temporaryFolder(t), "run.sh");
  for (const [line, missing] of [
    ["#!/bin/sh"],
    ["#!/usr/bin/env sh"],
    ["#!/usr/bin/env -S A=1 sh -e"],
    ["#!/no/such/bash -e", "/no/such/bash"],
    ["#!/usr/bin/env no-such-shell", "no-such-shell"],
    ["#!/usr/bin/env -S A=1 no-such-shell -e", "no-such-shell"],
    ["no first line of that kind"],
  ] as const) {
    await writeFile(path, line);
    equal(missingInterpreter(path, { PATH: "/usr/bin:/bin" }), missing, line);
  }
});
