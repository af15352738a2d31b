import { endsAtOnce, throwsAtStart, type App } from "../app.ts";

/** What is thrown there Next answers with 500, which says nothing to who asks for no health. */
const NEXT_BAD = endsAtOnce("instrumentation.js", "if (process.env.PORT) process.exit(1);\n");

/** Frameworks with a build of their own. */
export const FRAMEWORKS: readonly App[] = [
  {
    name: "nest",
    packages: {
      "@nestjs/core": "11.1.6",
      "@nestjs/common": "11.1.6",
      "@nestjs/platform-express": "11.1.6",
      "reflect-metadata": "0.2.2",
      rxjs: "7.8.2",
    },
    development: { typescript: "5.9.2", "@types/node": "20.19.11" },
    manifest: { scripts: { build: "tsc -p tsconfig.json", start: "node dist/main" } },
    files: {
      "tsconfig.json":
        '{ "compilerOptions": { "module": "commonjs", "target": "ES2021", "outDir": "dist", "experimentalDecorators": true, "emitDecoratorMetadata": true, "skipLibCheck": true }, "include": ["src"] }\n',
      ".gitignore": "node_modules/\ndist/\n",
      "src/main.ts": `import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

@Controller()
class AppController {
  @Get()
  getHello(): string {
    return 'hello VERSION';
  }
}

@Module({ controllers: [AppController] })
class AppModule {}

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
}
bootstrap();
`,
    },
    bad: throwsAtStart("src/main.ts"),
  },
  {
    name: "next start",
    packages: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
    manifest: { scripts: { build: "next build", start: "next start" } },
    files: {
      ".gitignore": "node_modules/\n.next/\n",
      "app/layout.js":
        "export default function Layout({ children }) { return <html><body>{children}</body></html> }\n",
      "app/page.js":
        "export const dynamic = 'force-dynamic';\nexport default function Page() { return <h1>{`hello ${'VERSION'}`}</h1> }\n",
      "instrumentation.js": "export function register() {}\n",
    },
    bad: NEXT_BAD,
    large: true,
  },
  {
    name: "next standalone",
    packages: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
    manifest: { scripts: { build: "next build", start: "node .next/standalone/server.js" } },
    files: {
      ".gitignore": "node_modules/\n.next/\n",
      "next.config.js": "module.exports = { output: 'standalone' };\n",
      "app/layout.js":
        "export default function Layout({ children }) { return <html><body>{children}</body></html> }\n",
      "app/page.js":
        "export const dynamic = 'force-dynamic';\nexport default function Page() { return <h1>{`hello ${'VERSION'}`}</h1> }\n",
      "instrumentation.js": "export function register() {}\n",
    },
    bad: NEXT_BAD,
    large: true,
  },
  {
    name: "nitro",
    development: { nitropack: "2.13.6" },
    manifest: { scripts: { build: "nitropack build", start: "node .output/server/index.mjs" } },
    files: {
      ".gitignore": "node_modules/\n.nitro/\n.output/\n",
      "nitro.config.ts":
        "export default defineNitroConfig({ compatibilityDate: '2025-08-01', srcDir: 'server' });\n",
      "server/routes/index.ts": "export default defineEventHandler(() => 'hello VERSION');\n",
      "server/plugins/start.ts": "export default defineNitroPlugin(() => {});\n",
    },
    bad: throwsAtStart("server/plugins/start.ts"),
    large: true,
  },
  {
    name: "astro",
    packages: { astro: "5.18.2", "@astrojs/node": "9.5.5" },
    manifest: { type: "module", scripts: { build: "astro build", start: "node dist/server/entry.mjs" } },
    files: {
      ".gitignore": "node_modules/\ndist/\n.astro/\n",
      "astro.config.mjs": `import { defineConfig } from 'astro/config';
import node from '@astrojs/node';

export default defineConfig({ output: 'server', adapter: node({ mode: 'standalone' }) });
`,
      "src/pages/index.astro": "<html><body><h1>hello VERSION</h1></body></html>\n",
    },
    // A handler for a server of one's own, which does not listen.
    bad: { how: "ends at once", file: "astro.config.mjs", from: "standalone", to: "middleware" },
    large: true,
  },
  {
    name: "nuxt",
    packages: { nuxt: "4.4.5", vue: "3.5.45" },
    manifest: { type: "module", scripts: { build: "nuxt build", start: "node .output/server/index.mjs" } },
    files: {
      ".gitignore": "node_modules/\n.nuxt/\n.output/\n",
      "nuxt.config.ts":
        "export default defineNuxtConfig({ compatibilityDate: '2025-08-01', telemetry: false });\n",
      "app.vue": "<template><h1>hello VERSION</h1></template>\n",
      "server/plugins/start.ts": "export default defineNitroPlugin(() => {});\n",
    },
    bad: throwsAtStart("server/plugins/start.ts"),
    large: true,
  },
  {
    name: "adonis",
    packages: { "@adonisjs/core": "6.21.0", "reflect-metadata": "0.2.2" },
    development: {
      "@adonisjs/assembler": "7.8.2",
      "@adonisjs/tsconfig": "1.4.1",
      "@swc/core": "1.16.22",
      "@types/node": "20.19.43",
      "ts-node-maintained": "10.9.6",
      typescript: "5.9.3",
    },
    manifest: {
      type: "module",
      scripts: { build: "node ace build", start: "node bin/server.js" },
      imports: { "#exceptions/*": "./app/exceptions/*.js", "#start/*": "./start/*.js" },
    },
    files: {
      ".gitignore": "node_modules/\nbuild/\n.env\n",
      ".env":
        "TZ=UTC\nPORT=3333\nHOST=localhost\nLOG_LEVEL=info\nAPP_KEY=zKXHe-Ahdb7aPK1ylAJlRgTefktEaACi\nNODE_ENV=production\n",
      "tsconfig.json":
        '{ "extends": "@adonisjs/tsconfig/tsconfig.app.json", "compilerOptions": { "rootDir": "./", "outDir": "./build" } }\n',
      "adonisrc.ts": `import { defineConfig } from '@adonisjs/core/app'

export default defineConfig({
  commands: [() => import('@adonisjs/core/commands')],
  providers: [() => import('@adonisjs/core/providers/app_provider')],
  preloads: [() => import('#start/routes'), () => import('#start/kernel')],
})
`,
      "ace.js": "import 'ts-node-maintained/register/esm'\n\nawait import('./bin/console.js')\n",
      "bin/console.ts": adonisProgram(".ace()\n  .handle(process.argv.splice(2))"),
      "bin/server.ts": adonisProgram(".httpServer()\n  .start()"),
      "config/app.ts": `import env from '#start/env'
import { Secret } from '@adonisjs/core/helpers'
import { defineConfig } from '@adonisjs/core/http'

export const appKey = new Secret(env.get('APP_KEY'))
export const http = defineConfig({ generateRequestId: true, allowMethodSpoofing: false, useAsyncLocalStorage: false })
`,
      "config/bodyparser.ts": `import { defineConfig } from '@adonisjs/core/bodyparser'

export default defineConfig({})
`,
      "config/logger.ts": `import env from '#start/env'
import { defineConfig } from '@adonisjs/core/logger'

export default defineConfig({
  default: 'app',
  loggers: { app: { enabled: true, name: 'site', level: env.get('LOG_LEVEL') } },
})
`,
      "start/env.ts": `import { Env } from '@adonisjs/core/env'

export default await Env.create(new URL('../', import.meta.url), {
  NODE_ENV: Env.schema.enum(['development', 'production', 'test'] as const),
  PORT: Env.schema.number(),
  APP_KEY: Env.schema.string(),
  HOST: Env.schema.string({ format: 'host' }),
  LOG_LEVEL: Env.schema.string(),
})
`,
      "start/kernel.ts": `import router from '@adonisjs/core/services/router'
import server from '@adonisjs/core/services/server'

server.errorHandler(() => import('#exceptions/handler'))
router.use([() => import('@adonisjs/core/bodyparser_middleware')])
`,
      "start/routes.ts": `import router from '@adonisjs/core/services/router'

router.get('/', async () => ({ hello: 'hello VERSION' }))
router.post('/', async () => ({ hello: 'hello VERSION' }))
`,
      "app/exceptions/handler.ts": `import app from '@adonisjs/core/services/app'
import { ExceptionHandler } from '@adonisjs/core/http'

export default class HttpExceptionHandler extends ExceptionHandler {
  protected debug = !app.inProduction
}
`,
    },
    post: "/",
    bad: throwsAtStart("start/routes.ts"),
  },
];

function adonisProgram(what: string): string {
  return `import 'reflect-metadata'
import { Ignitor, prettyPrintError } from '@adonisjs/core'

const APP_ROOT = new URL('../', import.meta.url)
const IMPORTER = (filePath: string) => {
  if (filePath.startsWith('./') || filePath.startsWith('../')) {
    return import(new URL(filePath, APP_ROOT).href)
  }
  return import(filePath)
}

new Ignitor(APP_ROOT, { importer: IMPORTER })
  .tap((app) => {
    app.booting(async () => {
      await import('#start/env')
    })
    app.listen('SIGTERM', () => app.terminate())
    app.listenIf(app.managedByPm2, 'SIGINT', () => app.terminate())
  })
  ${what}
  .catch((error) => {
    process.exitCode = 1
    prettyPrintError(error)
  })
`;
}
