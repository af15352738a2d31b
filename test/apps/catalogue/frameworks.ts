import { configured, throwsAtStart, wholeFolder, type App } from "../app.ts";

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
      typescript: "5.9.2",
      "@types/node": "20.19.11",
    },
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
    configured: wholeFolder("the whole folder after npm run build, entry point dist/main.js", {
      shell: "npm run build",
      entryPoint: "dist/main.js",
    }),
    bad: throwsAtStart("src/main.ts"),
  },
  {
    name: "next start",
    packages: { next: "15.5.2", react: "19.1.1", "react-dom": "19.1.1" },
    manifest: { scripts: { build: "next build", start: "next start" } },
    files: {
      ".gitignore": "node_modules/\n.next/\n",
      "app/layout.js":
        "export default function Layout({ children }) { return <html><body>{children}</body></html> }\n",
      "app/page.js":
        "export const dynamic = 'force-dynamic';\nexport default function Page() { return <h1>{`hello ${'VERSION'}`}</h1> }\n",
      "instrumentation.js": "export function register() {}\n",
    },
    configured: configured(
      "the whole folder after next build, entry point next start",
      {
        builder: "directory",
        directory: ".",
        shell: "npm run build",
        entryPoint: "start.sh",
      },
      {
        "start.sh":
          '#!/bin/sh\ncd "$(dirname "$0")"\nexec node node_modules/next/dist/bin/next start -p "$PORT"\n',
      },
    ),
    bad: { how: "ends at once", file: "instrumentation.js", to: "throw new Error('a bad build');\n" },
    large: true,
  },
  {
    name: "next standalone",
    packages: { next: "15.5.2", react: "19.1.1", "react-dom": "19.1.1" },
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
    bad: { how: "ends at once", file: "instrumentation.js", to: "throw new Error('a bad build');\n" },
    large: true,
  },
  {
    name: "nitro",
    packages: { nitropack: "2.12.4" },
    manifest: { scripts: { build: "nitropack build", start: "node .output/server/index.mjs" } },
    files: {
      ".gitignore": "node_modules/\n.nitro/\n.output/\n",
      "nitro.config.ts":
        "export default defineNitroConfig({ compatibilityDate: '2025-08-01', srcDir: 'server' });\n",
      "server/routes/index.ts": "export default defineEventHandler(() => 'hello VERSION');\n",
      "server/plugins/start.ts": "export default defineNitroPlugin(() => {});\n",
    },
    configured: configured(".output/server after npm run build", {
      builder: "directory",
      directory: ".output/server",
      shell: "npm run build",
      install: false,
    }),
    bad: throwsAtStart("server/plugins/start.ts"),
    large: true,
  },
  {
    name: "astro",
    packages: { astro: "5.13.5", "@astrojs/node": "9.4.3" },
    manifest: { type: "module", scripts: { build: "astro build", start: "node dist/server/entry.mjs" } },
    files: {
      ".gitignore": "node_modules/\ndist/\n.astro/\n",
      "astro.config.mjs": `import { defineConfig } from 'astro/config';
import node from '@astrojs/node';

export default defineConfig({ output: 'server', adapter: node({ mode: 'standalone' }) });
`,
      "src/middleware.js": "export const onRequest = (context, next) => next();\n",
      "src/pages/index.astro": "<html><body><h1>hello VERSION</h1></body></html>\n",
    },
    configured: wholeFolder("the whole folder after npm run build, entry point dist/server/entry.mjs", {
      shell: "npm run build",
      entryPoint: "dist/server/entry.mjs",
    }),
    bad: { how: "ends at once", file: "astro.config.mjs", to: "throw new Error('a bad build');\n" },
    large: true,
  },
  {
    name: "sveltekit",
    packages: {
      "@sveltejs/kit": "2.37.0",
      "@sveltejs/adapter-node": "5.3.1",
      "@sveltejs/vite-plugin-svelte": "6.1.3",
      svelte: "5.38.6",
      vite: "7.1.3",
    },
    manifest: { type: "module", scripts: { build: "vite build", start: "node build" } },
    files: {
      ".gitignore": "node_modules/\nbuild/\n.svelte-kit/\n",
      "svelte.config.js":
        "import adapter from '@sveltejs/adapter-node';\n\nexport default { kit: { adapter: adapter() } };\n",
      "vite.config.js":
        "import { sveltekit } from '@sveltejs/kit/vite';\n\nexport default { plugins: [sveltekit()] };\n",
      "src/app.html":
        "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n",
      "src/hooks.server.js": "export const handle = ({ event, resolve }) => resolve(event);\n",
      "src/routes/+page.svelte": "<h1>hello VERSION</h1>\n",
    },
    configured: wholeFolder("the whole folder after npm run build, entry point build/index.js", {
      shell: "npm run build",
      entryPoint: "build/index.js",
    }),
    bad: { how: "ends at once", file: "svelte.config.js", to: "throw new Error('a bad build');\n" },
    large: true,
  },
  {
    name: "nuxt",
    packages: { nuxt: "4.1.0", vue: "3.5.21" },
    manifest: { type: "module", scripts: { build: "nuxt build", start: "node .output/server/index.mjs" } },
    files: {
      ".gitignore": "node_modules/\n.nuxt/\n.output/\n",
      "nuxt.config.ts":
        "export default defineNuxtConfig({ compatibilityDate: '2025-08-01', telemetry: false });\n",
      "app.vue": "<template><h1>hello VERSION</h1></template>\n",
      "server/plugins/start.ts": "export default defineNitroPlugin(() => {});\n",
    },
    configured: configured(".output after npm run build, entry point server/index.mjs", {
      builder: "directory",
      directory: ".output",
      shell: "npm run build",
      entryPoint: "server/index.mjs",
      install: false,
    }),
    bad: throwsAtStart("server/plugins/start.ts"),
    large: true,
  },
  {
    name: "react router",
    packages: {
      "react-router": "7.8.2",
      "@react-router/node": "7.8.2",
      "@react-router/serve": "7.8.2",
      "@react-router/dev": "7.8.2",
      react: "19.1.1",
      "react-dom": "19.1.1",
      isbot: "5.1.30",
      vite: "7.1.3",
    },
    manifest: {
      type: "module",
      scripts: { build: "react-router build", start: "react-router-serve ./build/server/index.js" },
    },
    files: {
      ".gitignore": "node_modules/\nbuild/\n.react-router/\n",
      "vite.config.js":
        "import { reactRouter } from '@react-router/dev/vite';\n\nexport default { plugins: [reactRouter()] };\n",
      "app/routes.js":
        "import { index } from '@react-router/dev/routes';\n\nexport default [index('home.jsx')];\n",
      "app/root.jsx": `import { Outlet, Scripts } from 'react-router';

export default function Root() {
  return <html><body><Outlet /><Scripts /></body></html>;
}
`,
      "app/home.jsx": "export default function Home() { return <h1>{'hello VERSION'}</h1>; }\n",
    },
    configured: configured(
      "the whole folder after npm run build, and start.sh with the line of npm start",
      { builder: "directory", directory: ".", shell: "npm run build", entryPoint: "start.sh" },
      {
        "start.sh":
          '#!/bin/sh\ncd "$(dirname "$0")"\nexec node node_modules/@react-router/serve/bin.cjs ./build/server/index.js\n',
      },
    ),
    bad: { how: "ends at once", file: "app/root.jsx", to: "throw new Error('a bad build');\n" },
    large: true,
  },
];
