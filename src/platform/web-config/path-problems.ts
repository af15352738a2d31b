import { existsSync } from "node:fs";
import { basename } from "node:path";
import { findProgram, splitArguments } from "../../process/command.ts";
import { isFile, isOnPath } from "../../process/program.ts";
import { isShellScript, missingInterpreter } from "../../process/shebang.ts";
import { isInside } from "../../paths.ts";
import { localPath } from "../../process/windows-path.ts";
import { applicationEnvironment } from "../application-environment.ts";
import { expandVariables, unsetVariables } from "../expand.ts";
import { isProgramOfWindows, isVariableOfWindows } from "./of-windows.ts";
import type { PlatformConfig } from "./read.ts";

export type PathProblemKind = "program" | "variable" | "not-here" | "log-outside";

/** What web.config names and does not lead anywhere on this machine. */
export interface PathProblem {
  readonly kind: PathProblemKind;
  /** With file, line and column. */
  readonly what: string;
  readonly cure: string;
}

/** What only one process of the application knows; web.config may name it. */
const OF_A_PROCESS = /^(HTTP_PLATFORM|ASPNETCORE)_(PORT|TOKEN|APPL_PATH)$|^(PORT|INPLACE_SITE_ROOT)$/i;

/** Where App Service has the site. */
const ON_APP_SERVICE = /%home%[\\/]+site[\\/]+wwwroot\b/i;
const OF_THE_SITE =
  "Write .\\ in place of %HOME%\\site\\wwwroot\\: that is the site's folder on App Service only.";

/** Everything that is wrong with the paths and variables of a web.config, for processes with this environment. */
export function pathProblems(
  config: PlatformConfig,
  root: string,
  env: NodeJS.ProcessEnv,
): readonly PathProblem[] {
  return [
    ...variableProblems(config, env),
    ...optional(programProblem(config, root, env)),
    ...argumentProblems(config, root, env),
    ...optional(logProblem(config, root, env)),
    ...watchedProblems(config, root),
  ];
}

/** Why what processPath names cannot be started. */
export function programProblem(
  config: PlatformConfig,
  root: string,
  env: NodeJS.ProcessEnv,
): PathProblem | undefined {
  const problem = whyNotStarted(config, root, env);
  if (problem === undefined || process.platform === "win32" || !isProgramOfWindows(config.processPath))
    return problem;
  const what = `${placeOf(config, "processPath")}: processPath="${config.processPath}" is a part of Windows, and not here.`;
  return { kind: "program", what, cure: WHAT_IT_STARTS };
}

const WHAT_IT_STARTS =
  'Let processPath name what it starts, where that is here, as in processPath="npm" arguments="start", or .\\launch.cmd.';
const WITHOUT_FOLDER =
  'Name the program without its folder, as in processPath="node", or let processPath name .\\launch.cmd.';
const LAUNCHER = /(^|[\\/])launch\.sh$/i;

function whyNotStarted(
  config: PlatformConfig,
  root: string,
  env: NodeJS.ProcessEnv,
): PathProblem | undefined {
  const written = expandVariables(config.processPath, env);
  const [unset] = unsetProblems(config, "processPath", "processPath", config.processPath, env);
  if (unset !== undefined) return unset;
  const own = applicationEnvironment(config, env, root);
  const { path, notHere } = findProgram(written, root, own);
  const at = `${placeOf(config, "processPath")}: processPath="${config.processPath}"`;
  if (notHere !== undefined) return { kind: "program", what: `${at}: ${notHere}.`, cure: WITHOUT_FOLDER };
  if (isThere(path, own)) return interpreterProblem(at, path, own);
  const isBatch = /\.(cmd|bat)"?$/i.test(written) && path.endsWith(".sh");
  const { why, cure } = isBatch ? noTwin(path) : noProgram(path);
  return {
    kind: "program",
    what: `${at}: ${why}.`,
    cure: ON_APP_SERVICE.test(config.processPath) ? OF_THE_SITE : cure,
  };
}

function noTwin(path: string): { readonly why: string; readonly cure: string } {
  const isBare = !/[\\/]/.test(path);
  const name = path.replace(/\.sh$/i, "");
  const why = isBare
    ? `there is neither ${path} in the site nor ${name} on the PATH, one of which is started here in place of the batch file`
    : `there is no ${path}, which is started here in place of the batch file`;
  if (LAUNCHER.test(path))
    return { why, cure: "Put launch.sh beside launch.cmd; inplace-deploy deploy does." };
  const install = isBare ? `, install ${name}` : "";
  const cure = `Put a shell script of that name beside the batch file${install}, or let processPath name .\\launch.cmd.`;
  return { why, cure };
}

function noProgram(path: string): { readonly why: string; readonly cure: string } {
  if (/[\\/]/.test(path))
    return { why: `there is no ${path}`, cure: "Correct the path, or let processPath name .\\launch.cmd." };
  const cure = `Install ${path}, or add its folder to the PATH of who starts the site.`;
  return { why: `there is no ${path} in the site nor on the PATH`, cure };
}

function interpreterProblem(at: string, path: string, env: NodeJS.ProcessEnv): PathProblem | undefined {
  const missing = isShellScript(path) ? missingInterpreter(path, env) : undefined;
  if (missing === undefined) return undefined;
  const name = basename(missing);
  const cure = isOnPath(name, env)
    ? `Let its first line be #!/usr/bin/env ${name}, which finds it on the PATH.`
    : `Install ${name}, or let its first line be #!/bin/sh where the script needs no other shell.`;
  return {
    kind: "program",
    what: `${at}: the first line of ${path} asks for ${missing}, which is not here.`,
    cure,
  };
}

function variableProblems(config: PlatformConfig, env: NodeJS.ProcessEnv): readonly PathProblem[] {
  const texts: readonly (readonly [place: string, label: string, text: string])[] = [
    ["arguments", "arguments", config.arguments],
    ...(config.stdoutLogEnabled ? ([["stdoutLogFile", "stdoutLogFile", config.stdoutLogFile]] as const) : []),
    ...config.environment.map(([name, value]) => [name, `the variable ${name}`, value] as const),
  ];
  return texts.flatMap(([place, label, text]) => unsetProblems(config, place, label, text, env));
}

function unsetProblems(
  config: PlatformConfig,
  place: string,
  label: string,
  text: string,
  env: NodeJS.ProcessEnv,
): readonly PathProblem[] {
  return unsetVariables(expandVariables(text, env))
    .filter((name) => !OF_A_PROCESS.test(name))
    .map((name) => ({
      kind: "variable",
      what: `${placeOf(config, place)}: ${label}="${text}": %${name}% is not set, and stays as it stands.`,
      cure: cureOfUnset(name, place === "processPath"),
    }));
}

function cureOfUnset(name: string, isProgram: boolean): string {
  if (process.platform === "win32" || !isVariableOfWindows(name))
    return `Set ${name} for who starts the site, or write the value in place of %${name}%.`;
  return isProgram
    ? `Only Windows sets ${name}. ${WITHOUT_FOLDER}`
    : `Only Windows sets ${name}: write what is meant here in place of %${name}%.`;
}

/** Of the words only paths by their form: others may be anything. */
function argumentProblems(
  config: PlatformConfig,
  root: string,
  env: NodeJS.ProcessEnv,
): readonly PathProblem[] {
  const at = placeOf(config, "arguments");
  const absent = splitArguments(config.arguments).flatMap((word): readonly PathProblem[] => {
    const { path } = localPath(expandVariables(word.replace(/^-[^=\\]*=/, ""), env), root);
    if (!ON_APP_SERVICE.test(word) || existsSync(path)) return [];
    return [
      {
        kind: "not-here",
        what: `${at}: arguments name ${word}, and there is no ${path}.`,
        cure: OF_THE_SITE,
      },
    ];
  });
  const elsewhere = splitArguments(expandVariables(config.arguments, env)).flatMap(
    (word): readonly PathProblem[] => {
      const path = word.replace(/^-[^=\\]*=/, "");
      const { notHere } = /^([A-Za-z]:[\\/]|\\\\)/.test(path) ? localPath(path, root) : {};
      if (notHere === undefined) return [];
      const what = `${at}: arguments name ${path}, and ${notHere}.`;
      return [{ kind: "not-here", what, cure: "Write the path relative to the site's folder." }];
    },
  );
  return [...absent, ...elsewhere];
}

function logProblem(config: PlatformConfig, root: string, env: NodeJS.ProcessEnv): PathProblem | undefined {
  const written = expandVariables(config.stdoutLogFile, env);
  if (!config.stdoutLogEnabled || unsetVariables(written).length > 0) return undefined;
  const { path, notHere } = localPath(written, root);
  const at = `${placeOf(config, "stdoutLogFile")}: stdoutLogFile="${config.stdoutLogFile}"`;
  const cure = 'Name a file in the site, as in stdoutLogFile=".\\logs\\stdout".';
  if (notHere !== undefined) return { kind: "not-here", what: `${at}: ${notHere}; nothing is logged.`, cure };
  return isInside(root, path)
    ? undefined
    : { kind: "log-outside", what: `${at} is ${path}, outside of the site.`, cure };
}

function watchedProblems(config: PlatformConfig, root: string): readonly PathProblem[] {
  return config.recycleOnFileChange.flatMap((written) => {
    const { notHere } = localPath(written, root);
    if (notHere === undefined) return [];
    const what = `${placeOf(config, written)}: <file path="${written}">: ${notHere}; no change of it is seen.`;
    return [{ kind: "not-here", what, cure: "Name a file in the site." }];
  });
}

/** A path, or a name on the PATH. */
function isThere(program: string, env: NodeJS.ProcessEnv): boolean {
  return /[\\/]/.test(program) ? isFile(program) : isOnPath(program, env);
}

function placeOf({ file, places }: PlatformConfig, name: string): string {
  return places.get(name) ?? `${file}:1:1`;
}

function optional<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
