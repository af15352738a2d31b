import assert from "node:assert/strict";
import { test } from "node:test";
import { inferBuild } from "#src/deploy/infer/infer.js";
import { sourceRepository, type Files } from "../rig/source.ts";

const IGNORE = "node_modules\ndist\nbuild\n";
const whole = (start: string, more: object = {}): object => ({
  builder: "directory",
  directory: ".",
  start,
  ...more,
});

/** What an app shows → what is proposed. */
const APPS: readonly [name: string, files: Files, build: object][] = [
  [
    "Express generator",
    {
      "package.json": { scripts: { start: "node ./bin/www" }, dependencies: { express: "4", pug: "2" } },
      "app.js": "",
      "bin/www": "#!/usr/bin/env node\n",
    },
    whole("node ./bin/www"),
  ],
  [
    "variables before the program, and cross-env",
    {
      "package.json": {
        scripts: {
          start:
            "cross-env NODE_ENV=production DEBUG='a b' node --max-old-space-size=512 server.js --port $PORT",
        },
        dependencies: { restify: "11" },
      },
      "server.js": "",
    },
    whole('NODE_ENV=production DEBUG="a b" node --max-old-space-size=512 server.js --port $PORT'),
  ],
  [
    "nodemon, which is not for production",
    {
      "package.json": {
        scripts: { start: "nodemon -w src --ext js src/app.js" },
        dependencies: { restify: "11" },
      },
      "src/app.js": "",
    },
    whole("node src/app.js"),
  ],
  [
    "a script that runs another one after a build",
    {
      "package.json": {
        scripts: { start: "npm run compile && npm run serve", compile: "tsc", serve: "node dist/server.js" },
      },
      ".gitignore": IGNORE,
      "src/server.ts": "",
    },
    whole("node dist/server.js", { command: ["npm", "run", "compile"] }),
  ],
  [
    "start:prod before start",
    {
      "package.json": {
        scripts: { start: "nest start", "start:prod": "node dist/main", build: "nest build" },
        dependencies: { "@nestjs/core": "11" },
      },
    },
    whole("node dist/main", { command: ["npm", "run", "build"] }),
  ],
  [
    "a main that git ignores, though it is there",
    {
      "package.json": { main: "dist/server.js", scripts: { build: "tsc" }, dependencies: { fastify: "5" } },
      ".gitignore": IGNORE,
      "dist/server.js": "",
      "src/server.ts": "",
    },
    whole("node dist/server.js", { command: ["npm", "run", "build"] }),
  ],
  [
    "a main that git ignores, and that no script builds",
    {
      "package.json": { main: "dist/server.js" },
      ".gitignore": IGNORE,
      "dist/server.js": "",
      "src/server.ts": "",
    },
    { builder: "entry", entry: "src/server.ts" },
  ],
  [
    "tsx, a package for development",
    {
      "package.json": {
        scripts: { start: "tsx src/server.ts" },
        dependencies: { express: "5" },
        devDependencies: { tsx: "4" },
      },
      "src/server.ts": "readFileSync('x')",
    },
    whole("node --import tsx src/server.ts", { install: "all" }),
  ],
  [
    "next start, built by pnpm",
    {
      "package.json": { scripts: { start: "next start", build: "next build" }, dependencies: { next: "16" } },
      "pnpm-lock.yaml": "",
    },
    whole("next start", { command: ["pnpm", "run", "build"] }),
  ],
  [
    "a Next export",
    {
      "package.json": { scripts: { build: "next build" }, dependencies: { next: "16" } },
      "next.config.ts": `export default { output: "export" }`,
    },
    { builder: "directory", command: ["npm", "run", "build"], directory: "out", static: "pages" },
  ],
  [
    "Nuxt without a start script, by yarn",
    {
      "package.json": { scripts: { build: "nuxt build", dev: "nuxt dev" }, dependencies: { nuxt: "4" } },
      "yarn.lock": "",
    },
    {
      builder: "directory",
      command: ["yarn", "run", "build"],
      directory: ".output",
      entryPoint: "server/index.mjs",
      install: false,
    },
  ],
  [
    "a build step by the yarn that the repository brings",
    {
      "package.json": {
        scripts: { build: "tsc", start: "node dist/main.js" },
        dependencies: { fastify: "5" },
      },
      "yarn.lock": "__metadata:\n",
      ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.1.0.cjs\n",
      ".yarn/releases/yarn-4.1.0.cjs": "",
    },
    whole("node dist/main.js", { command: ["node", ".yarn/releases/yarn-4.1.0.cjs", "run", "build"] }),
  ],
  [
    "SvelteKit",
    {
      "package.json": {
        scripts: { build: "vite build" },
        devDependencies: { "@sveltejs/kit": "2", "@sveltejs/adapter-node": "5", vite: "7" },
      },
    },
    whole("node build", { command: ["npm", "run", "build"] }),
  ],
  [
    "Astro's Node adapter",
    {
      "package.json": {
        scripts: { build: "astro build", start: "astro dev" },
        dependencies: { astro: "5", "@astrojs/node": "9" },
      },
    },
    whole("node ./dist/server/entry.mjs", { command: ["npm", "run", "build"] }),
  ],
  [
    "React Router",
    {
      "package.json": {
        scripts: { build: "react-router build", start: "react-router-serve ./build/server/index.js" },
        dependencies: { "@react-router/serve": "7" },
      },
    },
    whole("react-router-serve ./build/server/index.js", { command: ["npm", "run", "build"] }),
  ],
  [
    "Adonis",
    {
      "package.json": {
        scripts: { build: "node ace build", start: "node bin/server.js" },
        dependencies: { "@adonisjs/core": "6" },
      },
    },
    {
      builder: "directory",
      command: ["npm", "run", "build"],
      directory: "build",
      start: "node bin/server.js",
      install: true,
    },
  ],
  [
    "pages that vite builds, by bun",
    {
      "package.json": { scripts: { build: "vite build", start: "vite" }, devDependencies: { vite: "7" } },
      "index.html": "",
      "bun.lock": "",
    },
    { builder: "directory", command: ["bun", "run", "build"], directory: "dist", static: "app" },
  ],
  [
    "json-server, which takes its port by an argument",
    {
      "package.json": { scripts: { start: "json-server db.json" }, dependencies: { "json-server": "0.17" } },
    },
    whole("json-server db.json --port $PORT"),
  ],
  [
    "the one member of a workspace that starts",
    {
      "package.json": { private: true, workspaces: ["packages/*"] },
      "package-lock.json": {},
      "packages/web/package.json": {
        name: "web",
        scripts: { start: "node server.js", build: "tsc" },
        dependencies: { shared: "*" },
      },
      "packages/shared/package.json": { name: "shared", main: "index.js" },
    },
    {
      builder: "directory",
      command: ["npm", "--workspace", "packages/web", "run", "build"],
      directory: "packages/web",
      start: "node server.js",
    },
  ],
  [
    "a single file that needs nothing",
    { "server.mjs": "console.log(1)" },
    { builder: "entry", entry: "server.mjs" },
  ],
  ["pages in files", { "index.html": "<p>" }, { builder: "directory", directory: ".", static: "pages" }],
];

for (const [name, files, build] of APPS) {
  test(`init proposes for ${name} what runs there in production`, async (t) => {
    const { folder } = await sourceRepository(t, files);
    const proposal = await inferBuild(folder);
    assert.deepEqual(proposal.build, build, proposal.reasons.join("\n"));
    assert.ok(proposal.reasons.length > 0);
  });
}
