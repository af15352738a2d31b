import { configured, throwsWhereServed, type App } from "../app.ts";

/** As `npm create vite` writes them for an app without a framework. */
const VANILLA = {
  type: "module",
  scripts: { dev: "vite", build: "vite build", preview: "vite preview" },
};
const PAGES = {
  ".gitignore": "node_modules/\ndist/\n",
  "vite.config.js": "export default {};\n",
  "index.html":
    '<!doctype html><html><body><h1>hello VERSION</h1><script type="module" src="/src/main.js"></script></body></html>\n',
  "src/main.js": "document.title = 'hello';\n",
};

/** Apps that Vite builds. */
export const VITE: readonly App[] = [
  {
    name: "sveltekit",
    development: {
      "@sveltejs/kit": "2.70.4",
      "@sveltejs/adapter-node": "5.5.7",
      "@sveltejs/vite-plugin-svelte": "6.2.4",
      svelte: "5.57.3",
      vite: "7.3.8",
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
    bad: throwsWhereServed("src/hooks.server.js"),
    large: true,
  },
  {
    name: "react router",
    packages: {
      "react-router": "7.18.4",
      "@react-router/node": "7.18.4",
      "@react-router/serve": "7.18.4",
      react: "19.3.1",
      "react-dom": "19.3.1",
      isbot: "5.2.3",
    },
    development: { "@react-router/dev": "7.18.4", vite: "7.3.8" },
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
    bad: throwsWhereServed("app/root.jsx"),
    large: true,
  },
  {
    name: "remix",
    packages: {
      "@remix-run/serve": "2.17.5",
      "@remix-run/node": "2.17.5",
      "@remix-run/react": "2.17.5",
      react: "18.3.1",
      "react-dom": "18.3.1",
      isbot: "4.4.0",
    },
    development: { "@remix-run/dev": "2.17.5", vite: "6.4.6" },
    manifest: {
      type: "module",
      sideEffects: false,
      scripts: { build: "remix vite:build", start: "remix-serve ./build/server/index.js" },
    },
    files: {
      ".gitignore": "node_modules/\nbuild/\n.cache/\n",
      "vite.config.js":
        "import { vitePlugin as remix } from '@remix-run/dev';\nimport { defineConfig } from 'vite';\n\nexport default defineConfig({ plugins: [remix()] });\n",
      "app/root.jsx": `import { Links, Meta, Outlet, Scripts } from '@remix-run/react';

export default function App() {
  return <html><head><Meta /><Links /></head><body><h1>{'hello VERSION'}</h1><Outlet /><Scripts /></body></html>;
}
`,
    },
    bad: throwsWhereServed("app/root.jsx"),
    large: true,
  },
  {
    name: "vite",
    development: { vite: "8.3.8" },
    manifest: VANILLA,
    files: PAGES,
    bad: { how: "does not build", file: "vite.config.js", to: "throw new Error('a bad build');\n" },
  },
  {
    name: "vite preview",
    packages: { vite: "8.3.8" },
    manifest: VANILLA,
    files: {
      ...PAGES,
      ...configured("", {
        builder: "directory",
        directory: ".",
        shell: "npm run build",
        start: "vite preview --port $PORT",
      }).files,
    },
    bad: throwsWhereServed("vite.config.js"),
    remark: "init serves the pages by itself; its own configuration starts vite preview instead",
  },
];
