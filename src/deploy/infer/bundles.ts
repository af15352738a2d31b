import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, posix, resolve } from "node:path";
import type { BuildConfig } from "../../config/config.ts";
import { parseNodeArguments, type StartLine } from "../start-line.ts";
import type { Project } from "./project.ts";
import type { Proposal } from "./proposal.ts";

/** Packages that find files, packages or programs at run time, so that a bundle of them lacks something. */
const NOT_BUNDLED =
  /^(@nestjs\/|@adonisjs\/|@prisma\/|@opentelemetry\/|@grpc\/|@feathersjs\/|@hapi\/(vision|inert)|@fastify\/(view|static|autoload)|@koa\/|koa-(static|views)|(pug|ejs|hbs|handlebars|express-handlebars|nunjucks|mustache|eta|liquidjs|twig|jade)$|(restify|piscina|workerpool|threads|tinypool|bull|bullmq|bree|throng|node-red|json-server|http-server|serve|sharp|bcrypt|argon2|better-sqlite3|sqlite3|canvas|re2|dd-trace|newrelic|elastic-apm-node|puppeteer|playwright|moleculer|loopback|sails|keystone|strapi|ghost|meteor|typeorm|sequelize|mongoose|knex|mikro-orm|jsdom|swagger-ui-express|thread-stream|config|convict|dotenv|vite|next|nuxt)$)/;

/** What code writes that looks at files, packages or programs beside it. */
const LOOKS_BESIDE =
  /\b__dirname\b|\b__filename\b|\bimport\.meta\.(url|dirname|filename|resolve|main)\b|\bprocess\.(cwd|chdir)\b|\b(readFile|createReadStream|sendFile|sendfile)\w*\s*\(|\bexpress\.static\b|["']view engine["']|\.render\(|\btransport\s*:|\bworker_threads\b|\bchild_process\b|\bcluster\b|\brequire\.(resolve|main)\b|\b(require|import)\(\s*[^"'\s)]|\beval\(|\bdlopen\b/;

const EXTENSIONS = [
  "",
  ".ts",
  ".mts",
  ".tsx",
  ".js",
  ".mjs",
  ".cjs",
  ".json",
  "/index.ts",
  "/index.js",
  "/index.mjs",
];
/** An app with more files than this is not looked through. */
const MOST_FILES = 200;

/** Node 22.18 and newer run TypeScript as it is. */
const NODE_STRIPS_TYPES =
  (process.features as { readonly typescript?: unknown }).typescript !== undefined &&
  (process.features as { readonly typescript?: unknown }).typescript !== false;

export interface BundleChoice {
  readonly proposal?: Partial<Proposal>;
  /** Why there is none. */
  readonly against?: string;
}

/**
 * A bundle in place of the whole app: for sure where no package is part of it, to be tried where some are, and whatever
 * speaks against it for TypeScript that nothing else builds.
 */
export function bundleFor(project: Project, start: StartLine): BundleChoice {
  const parsed = start.program === "node" ? parseNodeArguments(start.args) : undefined;
  if (parsed === undefined || Object.keys(start.env).length > 0 || parsed.args.length > 0) return {};
  if (parsed.requires.length > 0 || parsed.imports.some((name) => name !== "tsx")) return {};
  const entry = parsed.file.replace(/^\.\//, "");
  const file = ["", ".ts", ".js", ".mjs", ".cjs"]
    .map((end) => entry + end)
    .find((path) => /\.[cm]?[jt]s$/.test(path) && project.has(path) !== undefined);
  if (file === undefined) return {};
  const build: BuildConfig = { builder: "entry", entry: posix.join(project.place, file) };
  const against = againstBundle(project, file);
  const isOnlyWay = /\.[cm]?ts$/.test(file) && parsed.imports.length === 0 && !NODE_STRIPS_TYPES;
  if (isOnlyWay) {
    const though = against === undefined ? "" : `, though ${against}`;
    return {
      proposal: {
        build,
        reasons: [`the file ${file}: TypeScript that no script builds is bundled${though}`],
      },
    };
  }
  if (against !== undefined) return { against };
  if (Object.keys(project.manifest.dependencies ?? {}).length > 0)
    return {
      proposal: { bundle: { build, reason: "one file that holds all, since a trial of it answered" } },
    };
  return {
    proposal: { build, reasons: [`the file ${file}, bundled: it needs no package and nothing beside it`] },
  };
}

/** Why a bundle of the file is not to be trusted; undefined: nothing speaks against it. */
function againstBundle(project: Project, entry: string): string | undefined {
  const packages = Object.keys({
    ...project.manifest.dependencies,
    ...project.manifest.optionalDependencies,
  });
  const known = packages.find((name) => NOT_BUNDLED.test(name));
  if (known !== undefined) return `${known} is known not to bundle`;
  if (project.root !== project.folder) return "packages of the workspace are part of it";
  const waiting = [resolve(project.folder, entry)];
  const seen = new Set(waiting);
  for (const file of waiting) {
    if (seen.size > MOST_FILES) return `it has more than ${MOST_FILES} files`;
    const text = existsSync(file) ? readFileSync(file, "utf8").replace(/^\s*(\/\/|\*).*$/gm, "") : "";
    const found = LOOKS_BESIDE.exec(text)?.[0];
    if (found !== undefined)
      return `${file.slice(project.folder.length + 1)} says ${found.trim()}, so it looks at what lies beside it`;
    for (const next of importsOf(file, text)) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return undefined;
}

function importsOf(file: string, text: string): string[] {
  const found: string[] = [];
  for (const [, name = ""] of text.matchAll(/(?:from|import|require\()\s*\(?\s*["'](\.[^"']*)["']/g)) {
    const path = join(dirname(file), name);
    const stem = /^\.[cm]?js$/.test(extname(path)) && !existsSync(path) ? path.replace(/js$/, "ts") : path;
    const target = EXTENSIONS.map((end) => stem + end).find(
      (candidate) => extname(candidate) !== "" && existsSync(candidate),
    );
    if (target !== undefined && !target.endsWith(".json")) found.push(target);
  }
  return found;
}
