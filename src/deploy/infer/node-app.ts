import { posix } from "node:path";
import type { DirectoryBuild } from "../../config/config.ts";
import { formatStart, parseNodeArguments, type StartLine } from "../start-line.ts";
import { bundleFor } from "./bundles.ts";
import { frameworkOf, type FrameworkFit } from "./frameworks.ts";
import type { Project } from "./project.ts";
import type { Proposal } from "./proposal.ts";
import { fileOf, meaningOf } from "./scripts.ts";

const STEMS = ["src/server", "src/main", "src/index", "server", "main", "index", "app", "bin/www"] as const;
const EXTENSIONS = [".ts", ".mts", ".js", ".mjs", ".cjs", ""] as const;

/** What `npm start` runs, after what `npm run build` makes; undefined where nothing says what is started. */
export async function nodeApp(project: Project): Promise<Proposal | undefined> {
  const framework = frameworkOf(project);
  const meaning = framework?.ownStart === "otherwise" ? undefined : startOf(project);
  if (framework !== undefined && meaning === undefined) return ofFramework(project, framework);
  const found = meaning ?? (await withoutScript(project));
  if (found === undefined) return undefined;
  const step = buildStep(project, framework, found.before);
  const file = fileOf(found.start);
  const reasons = [found.reason];
  if (step !== undefined) reasons.push(step.reason);
  else if (file !== undefined && (await project.isMade(file))) return fromSource(project, file, found.reason);
  const build = wholeApp(project, found.start, step?.command);
  const bundle = step === undefined ? bundleFor(project, found.start) : {};
  reasons.push(
    ...wholeReasons(project, build),
    ...(bundle.against === undefined ? [] : [`no bundle: ${bundle.against}`]),
  );
  return { build, reasons, ...bundle.proposal };
}

interface FoundStart {
  readonly start: StartLine;
  readonly before: readonly string[];
  readonly reason: string;
}

/** `vite`, `next dev` and the like start no production server. */
const DEVELOPMENT =
  /^(vite|webpack|webpack-dev-server|parcel|react-scripts|vue-cli-service|ng|astro|nuxt|gatsby|docusaurus|nest|rollup|gulp|grunt|concurrently|npm-run-all|run-[sp])$/;

function startOf({ manifest }: Project): FoundStart | undefined {
  for (const name of ["start:prod", "start:production", "start", "serve", "server"]) {
    const meant = meaningOf(name, manifest.scripts ?? {});
    if (meant === undefined || DEVELOPMENT.test(meant.start.program) || meant.start.args.includes("dev"))
      continue;
    return {
      ...meant,
      start: withPort(meant.start),
      reason: `scripts.${name}: ${manifest.scripts?.[name] ?? ""}`,
    };
  }
  return undefined;
}

/** Programs that take their port by an argument alone. */
function withPort(start: StartLine): StartLine {
  if (!/^(json-server|node-red)$/.test(start.program)) return start;
  if (start.args.some((word) => /^(-p|--port)(=|$)/.test(word))) return start;
  return { ...start, args: [...start.args, "--port", "$PORT"] };
}

async function withoutScript(project: Project): Promise<FoundStart | undefined> {
  const { main, bin } = project.manifest;
  const commands = typeof bin === "string" ? [bin] : Object.values(bin ?? {});
  for (const [file, key] of [
    [main, "main"],
    [commands[0], "bin"],
  ] as const) {
    if (typeof file !== "string") continue;
    const found =
      EXTENSIONS.map((end) => file.replace(/^\.\//, "") + end).find((path) => project.has(path)) ?? file;
    if (project.has(found) !== undefined || project.script("build") !== undefined)
      return { start: nodeLine(found), before: [], reason: `package.json's ${key}: ${file}` };
  }
  const file = conventional(project);
  return file === undefined ? undefined : { start: nodeLine(file), before: [], reason: `the file ${file}` };
}

function conventional(project: Project): string | undefined {
  for (const stem of STEMS) {
    const found = EXTENSIONS.map((end) => stem + end).find((path) => project.has(path) !== undefined);
    if (found !== undefined && found.split("/").at(-1)?.includes(".") === true) return found;
    if (found === "bin/www") return found;
  }
  return undefined;
}

function nodeLine(file: string): StartLine {
  return { env: {}, program: "node", args: [file] };
}

interface BuildStep {
  readonly command: readonly string[];
  readonly reason: string;
}

/** scripts.build, else what the start script builds before, else what the framework's documentation runs. */
function buildStep(
  project: Project,
  framework: FrameworkFit | undefined,
  before: readonly string[],
): BuildStep | undefined {
  for (const name of ["build:prod", "build:production", "build", "compile", "prestart"]) {
    const script = project.script(name);
    if (script !== undefined) return { command: project.run(name), reason: `scripts.${name}: ${script}` };
  }
  const own = before.find((part) => /\b(tsc|build|compile)\b/.test(part));
  if (own !== undefined) {
    const words = own.split(/\s+/);
    const isRun = /^(npm|pnpm|yarn|bun)$/.test(words[0] ?? "");
    return { command: isRun ? words : project.execute(...words), reason: `before the start: ${own}` };
  }
  if (framework?.command === undefined) return undefined;
  return { command: framework.command, reason: `no scripts.build, so ${framework.command.join(" ")}` };
}

function ofFramework(project: Project, framework: FrameworkFit): Proposal {
  const step = buildStep(project, framework, []);
  const { afterwards } = framework;
  const command = step?.command ?? [];
  const run = afterwards === undefined ? { command } : { shell: `${command.join(" ")} && ${afterwards}` };
  const build: DirectoryBuild = { builder: "directory", ...(step !== undefined && run), ...framework.build };
  const reasons = [framework.reason, ...(step === undefined ? [] : [step.reason])];
  return { build, reasons: [...reasons, ...wholeReasons(project, build)] };
}

function wholeApp(
  project: Project,
  start: StartLine,
  command: readonly string[] | undefined,
): DirectoryBuild {
  const runner = developmentRunner(project, start);
  return {
    builder: "directory",
    ...(command !== undefined && { command }),
    directory: ".",
    start: formatStart(start),
    ...(runner !== undefined && { install: "all" as const }),
  };
}

function wholeReasons({ manager, lock, manifest }: Project, build: DirectoryBuild): string[] {
  if (build.directory !== "." || Object.keys(manifest.dependencies ?? {}).length === 0) return [];
  const which =
    build.install === "all" ? "all packages, since one for development starts it" : "production packages";
  return [`the whole app with its ${which}${lock === undefined ? "" : ` (${manager}, ${lock})`}`];
}

/** The package for development that is needed to start. */
function developmentRunner({ manifest }: Project, { program, args }: StartLine): string | undefined {
  const parsed = program === "node" ? parseNodeArguments(args) : undefined;
  const names = parsed === undefined ? [program] : [...parsed.imports, ...parsed.requires];
  return names
    .map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/"),
    )
    .find(
      (name) => manifest.devDependencies?.[name] !== undefined && manifest.dependencies?.[name] === undefined,
    );
}

/** What is started is no part of a commit, and nothing says how it is made: its source is bundled. */
function fromSource(project: Project, file: string, reason: string): Proposal | undefined {
  const stem = file
    .replace(/^\.\//, "")
    .replace(/^(dist|build|lib|out)\//, "")
    .replace(/\.[cm]?js$/, "");
  const sources = ["src/", ""].flatMap((folder) =>
    [".ts", ".mts", ".js", ".mjs"].map((end) => folder + stem + end),
  );
  const entry = project.has(...sources.filter((path) => path !== file)) ?? conventional(project);
  if (entry === undefined || entry === file) return undefined;
  return {
    build: { builder: "entry", entry: posix.join(project.place, entry) },
    reasons: [reason, `${file} is in no commit, and no script builds it: ${entry} is bundled`],
  };
}
