import type { DirectoryBuild } from "../../config/config.ts";
import { meaningOf } from "./scripts.ts";
import { formatStart } from "../start-line.ts";
import type { Project } from "./project.ts";

/** What a framework's documentation says of how its production build is started. */
export interface FrameworkFit {
  readonly reason: string;
  /** Its build step, where package.json has no script for it. */
  readonly command?: readonly string[];
  /** undefined: what the start script runs. */
  readonly build: Omit<DirectoryBuild, "builder" | "command" | "shell">;
  /** Steps after the build, as a line for the shell. */
  readonly afterwards?: string;
  /** The start script of its template is for development, or starts a build. */
  readonly ownStart: "first" | "otherwise";
}

type Framework = (project: Project) => FrameworkFit | undefined;

/** The first framework that the project uses, in the order of how much it decides. */
export function frameworkOf(project: Project): FrameworkFit | undefined {
  for (const look of FRAMEWORKS) {
    const found = look(project);
    if (found !== undefined) return found;
  }
  return undefined;
}

const FRAMEWORKS: readonly Framework[] = [
  next,
  nitro,
  adonis,
  nest,
  svelteKit,
  astro,
  reactRouter,
  staticPages,
];

const NEXT_CONFIG = ["next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs"];

function next(project: Project): FrameworkFit | undefined {
  if (project.uses("next") === undefined) return undefined;
  const config = project.text(...NEXT_CONFIG);
  const output = /\boutput\s*:\s*["'](standalone|export)["']/.exec(config)?.[1];
  const command = project.execute("next", "build");
  switch (output) {
    // https://nextjs.org/docs/app/api-reference/config/next-config-js/output: the static files are copied by hand.
    case "standalone":
      return {
        reason: "next.config says output: standalone",
        command,
        afterwards: COPY_NEXT_STATIC,
        build: { directory: ".next/standalone", entryPoint: "server.js", install: false },
        ownStart: "otherwise",
      };
    case "export":
      return {
        reason: "next.config says output: export",
        command,
        build: { directory: "out", static: "pages" },
        ownStart: "otherwise",
      };
    default:
      return {
        reason: "the dependency next",
        command,
        build: { directory: ".", start: "next start" },
        ownStart: "first",
      };
  }
}

const COPY_NEXT_STATIC =
  "node -e \"const{cpSync,existsSync}=require('fs');for(const d of ['.next/static','public'])if(existsSync(d))cpSync(d,'.next/standalone/'+d,{recursive:true})\"";

/** https://nitro.build/deploy/runtimes/node */
function nitro(project: Project): FrameworkFit | undefined {
  const name = project.uses(
    "nuxt",
    "nitropack",
    "nitro",
    "@solidjs/start",
    "@tanstack/react-start",
    "@analogjs/platform",
  );
  if (name === undefined) return undefined;
  const command =
    name === "nuxt" ? ["nuxt", "build"] : name.startsWith("nitro") ? ["nitro", "build"] : ["vite", "build"];
  return {
    reason: `the dependency ${name}, whose build makes .output`,
    command: project.execute(...command),
    build: { directory: ".output", entryPoint: "server/index.mjs", install: false },
    ownStart: "otherwise",
  };
}

/** https://docs.adonisjs.com/guides/getting-started/deployment */
function adonis(project: Project): FrameworkFit | undefined {
  if (project.uses("@adonisjs/core") === undefined) return undefined;
  return {
    reason: "the dependency @adonisjs/core, whose build makes build/",
    command: ["node", "ace", "build"],
    build: { directory: "build", start: "node bin/server.js", install: true },
    ownStart: "otherwise",
  };
}

function nest(project: Project): FrameworkFit | undefined {
  if (project.uses("@nestjs/core") === undefined) return undefined;
  const production = meaningOf("start:prod", project.manifest.scripts ?? {});
  return {
    reason: production === undefined ? "the dependency @nestjs/core" : "the script start:prod of a Nest app",
    command:
      project.uses("@nestjs/cli") === undefined ? project.execute("tsc") : project.execute("nest", "build"),
    build: { directory: ".", start: production ? formatStart(production.start) : "node dist/main" },
    ownStart: "otherwise",
  };
}

/** https://svelte.dev/docs/kit/adapter-node */
function svelteKit(project: Project): FrameworkFit | undefined {
  if (project.uses("@sveltejs/kit") === undefined) return undefined;
  const command = project.execute("vite", "build");
  if (project.uses("@sveltejs/adapter-static") !== undefined)
    return {
      reason: "the dependency @sveltejs/adapter-static",
      command,
      build: { directory: "build", static: "pages" },
      ownStart: "otherwise",
    };
  return {
    reason:
      project.uses("@sveltejs/adapter-node") === undefined
        ? "the dependency @sveltejs/kit; it takes @sveltejs/adapter-node to run on a host"
        : "the dependency @sveltejs/adapter-node",
    command,
    build: { directory: ".", start: "node build" },
    ownStart: "first",
  };
}

/** https://docs.astro.build/en/guides/integrations-guide/node/ */
function astro(project: Project): FrameworkFit | undefined {
  if (project.uses("astro") === undefined) return undefined;
  const command = project.execute("astro", "build");
  return project.uses("@astrojs/node") === undefined
    ? {
        reason: "the dependency astro without an adapter: pages that are files",
        command,
        build: { directory: "dist", static: "pages" },
        ownStart: "otherwise",
      }
    : {
        reason: "the dependency @astrojs/node",
        command,
        build: { directory: ".", start: "node ./dist/server/entry.mjs" },
        ownStart: "otherwise",
      };
}

function reactRouter(project: Project): FrameworkFit | undefined {
  const name = project.uses("@react-router/serve", "@remix-run/serve");
  if (name === undefined) return undefined;
  const [program, build] =
    name === "@react-router/serve"
      ? (["react-router-serve", ["react-router", "build"]] as const)
      : (["remix-serve", ["remix", "vite:build"]] as const);
  return {
    reason: `the dependency ${name}`,
    command: project.execute(...build),
    build: { directory: ".", start: `${program} ./build/server/index.js` },
    ownStart: "first",
  };
}

const STATIC: readonly (readonly [
  name: string,
  folder: string,
  kind: "pages" | "app",
  command: readonly string[],
])[] = [
  ["gatsby", "public", "pages", ["gatsby", "build"]],
  ["@docusaurus/core", "build", "pages", ["docusaurus", "build"]],
  ["@11ty/eleventy", "_site", "pages", ["eleventy"]],
  ["vitepress", "docs/.vitepress/dist", "pages", ["vitepress", "build", "docs"]],
  ["react-scripts", "build", "app", ["react-scripts", "build"]],
  ["@vue/cli-service", "dist", "app", ["vue-cli-service", "build"]],
  ["vite", "dist", "app", ["vite", "build"]],
];

function staticPages(project: Project): FrameworkFit | undefined {
  for (const [name, folder, kind, command] of STATIC) {
    if (project.uses(name) === undefined) continue;
    // A server that has its pages made by vite has none of its own beside package.json, or a start script.
    if (name === "vite" && (project.has("index.html") === undefined || startsServer(project))) continue;
    return {
      reason: `the dependency ${name}, whose build makes ${folder}/`,
      command: project.execute(...command),
      build: { directory: folder, static: kind },
      ownStart: "otherwise",
    };
  }
  return undefined;
}

function startsServer(project: Project): boolean {
  const start = meaningOf("start", project.manifest.scripts ?? {})?.start;
  return start !== undefined && !/^(vite|serve|http-server)$/.test(start.program);
}
