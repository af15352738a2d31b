// npm run test:init. Not among the tests of every run: it installs some hundred megabytes from the registry.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "../rig/program.ts";
import { inplace, sourceRepository, type Files } from "../rig/source.ts";

const IGNORE = "node_modules/\ndist/\n.next/\n";
const INSTALL_MS = 300_000;
const CHECK_MS = 300_000;

interface RealApp {
  readonly name: string;
  readonly files: Files;
  /** How its project's documentation makes it, in the folder. */
  readonly make?: readonly string[];
  readonly start: RegExp;
}

const APPS: readonly RealApp[] = [
  {
    name: "Express generator with pug views",
    files: {},
    make: ["npx", "--yes", "express-generator@4.16.1", "--view=pug", "--force", "."],
    start: /^node \.\/bin\/www$/,
  },
  {
    name: "Nest",
    files: {
      "package.json": {
        name: "nest",
        scripts: { build: "nest build", start: "nest start", "start:prod": "node dist/main" },
        dependencies: {
          "@nestjs/common": "11",
          "@nestjs/core": "11",
          "@nestjs/platform-express": "11",
          "reflect-metadata": "0.2",
          rxjs: "7",
        },
        devDependencies: { "@nestjs/cli": "11", typescript: "5" },
      },
      "tsconfig.json": {
        compilerOptions: {
          module: "commonjs",
          target: "ES2022",
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
          outDir: "./dist",
          rootDir: "./src",
          skipLibCheck: true,
        },
        include: ["src"],
      },
      "src/main.ts": `
        import { NestFactory } from "@nestjs/core";
        import { Controller, Get, Module } from "@nestjs/common";
        @Controller() class Pages { @Get() page(): string { return "nest"; } }
        @Module({ controllers: [Pages] }) class App {}
        NestFactory.create(App).then((app) => app.listen(process.env.PORT ?? 3000));`,
    },
    start: /^node dist\/main$/,
  },
  {
    name: "restify",
    files: {
      "package.json": { name: "rest", scripts: { start: "node server.js" }, dependencies: { restify: "11" } },
      "server.js": `
        const server = require("restify").createServer();
        server.get("/", (request, response, next) => { response.send("restify"); next(); });
        server.listen(process.env.PORT || 8080);`,
    },
    start: /^node server\.js$/,
  },
  {
    name: "Fastify with a pino transport",
    files: {
      "package.json": {
        name: "logs",
        type: "module",
        scripts: { start: "node server.js" },
        dependencies: { fastify: "5" },
      },
      "server.js": `
        import Fastify from "fastify";
        const app = Fastify({ logger: { transport: { target: "pino/file" } } });
        app.get("/", async () => "pino");
        await app.listen({ port: process.env.PORT || 3000 });`,
    },
    start: /^node server\.js$/,
  },
  {
    name: "piscina",
    files: {
      "package.json": {
        name: "pool",
        scripts: { start: "cross-env NODE_ENV=production node server.js" },
        dependencies: { piscina: "5", express: "5" },
      },
      "server.js": `
        const pool = new (require("piscina").Piscina)({ filename: require("node:path").resolve(__dirname, "worker.js") });
        require("express")().get("/", async (q, r) => r.send(String(await pool.run(4)))).listen(process.env.PORT);`,
      "worker.js": "module.exports = (number) => number + 6;",
    },
    start: /^NODE_ENV=production node server\.js$/,
  },
  {
    name: "Node-RED",
    files: {
      "package.json": {
        name: "red",
        scripts: { start: "node-red --userDir ./flows" },
        dependencies: { "node-red": "4" },
      },
    },
    start: /^node-red --userDir \.\/flows --port \$PORT$/,
  },
  {
    name: "Next, next start",
    files: {
      "package.json": {
        name: "pages",
        scripts: { build: "next build", start: "next start" },
        dependencies: { next: "16", react: "19", "react-dom": "19" },
      },
      "app/layout.js": `export default ({ children }) => <html><body>{children}</body></html>;`,
      "app/page.js": `export default () => <p>next</p>;`,
    },
    start: /^next start$/,
  },
];

for (const { name, files, make, start } of APPS) {
  test(`init --check of ${name} from the registry: the whole app is built, and answers`, async (t) => {
    const repository = await sourceRepository(t, { ".gitignore": IGNORE, ...files });
    const cwd = repository.folder;
    for (const [program = "", ...args] of [make ?? [], ["npm", "install", "--no-audit", "--no-fund"]]) {
      if (program === "") continue;
      const { code, stdout, stderr } = await runProgram(t, program, args, { cwd, timeoutMs: INSTALL_MS });
      assert.equal(code, 0, stdout + stderr);
    }
    await repository.commit("app");
    const { code, stdout, stderr } = await inplace(t, ["init", "--check", "--json"], {
      cwd,
      timeoutMs: CHECK_MS,
    });
    assert.equal(code, 0, stdout + stderr);
    const { build, checked } = JSON.parse(stdout);
    assert.equal(build.directory, ".");
    assert.match(build.start, start);
    assert.equal(checked.status, 200);
    assert.doesNotMatch(await repository.git("status", "--porcelain"), /^.[MD] (?!\.gitignore)/m);
  });
}
