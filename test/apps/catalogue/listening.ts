import { throwsAtStart, type App } from "../app.ts";

const MODULE = { type: "module", scripts: { start: "node server.js" } };
const HELLO = "createServer((req, res) => res.end('hello VERSION\\n'))";

/** How servers come to listen: ports that are looked for, several processes, threads. */
export const LISTENING: readonly App[] = [
  {
    name: "get-port",
    packages: { "get-port": "7.2.0" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http';
import getPort from 'get-port';

const port = await getPort({ port: Number(process.env.PORT) });
${HELLO}.listen(port);
`,
    },
    bad: throwsAtStart("server.js"),
    ci: true,
  },
  {
    name: "portfinder",
    packages: { portfinder: "1.0.38" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http';
import portfinder from 'portfinder';

const port = await portfinder.getPortPromise({ port: Number(process.env.PORT) });
${HELLO}.listen(port);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "detect-port",
    packages: { "detect-port": "2.1.0" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http';
import { detect } from 'detect-port';

const port = await detect(Number(process.env.PORT));
${HELLO}.listen(port);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  ...(["rr", "none"] as const).map((policy): App => ({
    name: `node:cluster ${policy === "rr" ? "round robin" : "shared handle"}`,
    manifest: MODULE,
    files: {
      "server.js": `import cluster from 'node:cluster';
import { createServer } from 'node:http';

cluster.schedulingPolicy = cluster.${policy === "rr" ? "SCHED_RR" : "SCHED_NONE"};
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
} else {
  ${HELLO}.listen(process.env.PORT || 8000);
}
`,
    },
    bad: throwsAtStart("server.js"),
    ci: true,
  })),
  {
    name: "throng",
    packages: { throng: "5.0.0" },
    manifest: { scripts: { start: "node server.js" } },
    files: {
      "server.js": `const throng = require('throng');
const { createServer } = require('node:http');

throng({ workers: 2, worker: start });

function start(id, disconnect) {
  const server = ${HELLO}.listen(process.env.PORT || 3000);
  process.once('SIGTERM', () => server.close(disconnect));
}
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "child_process.fork",
    manifest: MODULE,
    files: {
      "server.js": `import { fork } from 'node:child_process';
import { createServer } from 'node:http';

if (process.argv[2] === 'helper') {
  process.on('message', (n) => process.send(n * 2));
} else {
  const helper = fork(process.argv[1], ['helper']);
  createServer((req, res) => {
    if (!helper.connected) return res.writeHead(500).end('the helper is gone');
    helper.once('message', () => res.end('hello VERSION'));
    helper.send(21);
  }).listen(process.env.PORT || 3000);
}
`,
    },
    bad: throwsAtStart("server.js"),
    ci: true,
  },
  {
    name: "worker_threads server",
    manifest: MODULE,
    files: {
      "server.js": `import { isMainThread, Worker } from 'node:worker_threads';
import { createServer } from 'node:http';

if (isMainThread) {
  new Worker(new URL(import.meta.url));
} else {
  ${HELLO}.listen(process.env.PORT || 3000);
}
`,
    },
    bad: throwsAtStart("server.js"),
    ci: true,
  },
  {
    name: "piscina",
    packages: { piscina: "5.3.2" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http';
import Piscina from 'piscina';

const piscina = new Piscina({ filename: new URL('./worker.mjs', import.meta.url).href });
createServer(async (req, res) => res.end(await piscina.run({ a: 4, b: 6 }))).listen(process.env.PORT || 3000);
`,
      "worker.mjs": "export default ({ a, b }) => 'hello VERSION ' + (a + b);\n",
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "workerpool",
    packages: { workerpool: "10.0.3" },
    manifest: { scripts: { start: "node server.js" } },
    files: {
      "server.js": `const { createServer } = require('node:http');
const workerpool = require('workerpool');
const pool = workerpool.pool();

function greet(name) {
  return 'hello ' + name;
}
createServer((req, res) => pool.exec(greet, ['VERSION']).then((text) => res.end(text))).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "tsx",
    packages: { tsx: "4.23.15" },
    manifest: { type: "module", scripts: { start: "tsx server.ts" } },
    files: {
      "server.ts": `import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

createServer((req: IncomingMessage, res: ServerResponse) => res.end('hello VERSION')).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.ts"),
    ci: true,
  },
  {
    name: "terminus",
    packages: { "@godaddy/terminus": "4.12.1" },
    manifest: { scripts: { start: "node server.js" } },
    files: {
      "server.js": `const http = require('http');
const { createTerminus } = require('@godaddy/terminus');

const server = http.createServer((request, response) => response.end('hello VERSION'));
createTerminus(server, {
  signal: 'SIGTERM',
  healthChecks: { '/healthcheck': async () => [] },
  onSignal: async () => console.log('server is starting cleanup'),
  onShutdown: async () => console.log('cleanup finished, server is shutting down'),
});
server.listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
    ci: true,
  },
  {
    name: "lightship",
    packages: { lightship: "9.0.4" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http';
import { createLightship } from 'lightship';

const lightship = await createLightship({ port: 0, detectKubernetes: false });
const server = ${HELLO}.listen(process.env.PORT || 3000, () => lightship.signalReady());
lightship.registerShutdownHandler(() => new Promise((resolve) => server.close(resolve)));
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "http-terminator",
    packages: { "http-terminator": "3.2.0" },
    manifest: MODULE,
    files: {
      "server.js": `import http from 'node:http';
import { createHttpTerminator } from 'http-terminator';

const server = http.${HELLO}.listen(process.env.PORT || 3000);
const httpTerminator = createHttpTerminator({ server });
process.on('SIGTERM', async () => {
  await httpTerminator.terminate();
  process.exit(0);
});
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "stoppable",
    packages: { stoppable: "1.1.0" },
    manifest: { scripts: { start: "node server.js" } },
    files: {
      "server.js": `const stoppable = require('stoppable');
const server = stoppable(require('http').${HELLO}, 5000).listen(process.env.PORT || 3000);

process.on('SIGTERM', () => server.stop(() => process.exit(0)));
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "dotenv and NODE_OPTIONS",
    packages: { dotenv: "17.2.1" },
    manifest: { scripts: { start: "NODE_OPTIONS='--require dotenv/config' node server.js" } },
    files: {
      ".env": "GREETING=hello VERSION\n",
      "server.js": `const { createServer } = require('http');

createServer((req, res) => res.end(process.env.GREETING)).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
];
