import { endsAtOnce, throwsAtStart, type App } from "../app.ts";

const START = { scripts: { start: "node server.js" } };
const MODULE = { type: "module", ...START };

/** WebSockets and long polls, proxies, file servers, and tools that are started by their own command. */
export const REALTIME: readonly App[] = [
  {
    name: "socket.io",
    packages: { "socket.io": "4.8.1", "socket.io-client": "4.8.1", express: "4.21.2" },
    manifest: START,
    files: {
      "server.js": `const express = require('express');
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const app = express();
const server = createServer(app);
const io = new Server(server);

app.get('/', (req, res) => res.send('hello VERSION'));
io.on('connection', (socket) => {
  socket.on('hello', (callback) => callback('hello VERSION'));
});

server.listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
    visitor: "socket.io",
    ci: true,
    remark:
      "two clients poll, two use WebSocket; delivery at least once (`retries`): with Socket.IO's default, at most once, about " +
      "one message in 1,600 crosses the end of its session",
  },
  {
    name: "ws",
    packages: { ws: "8.23.0" },
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'http';
import { WebSocketServer } from 'ws';

const server = createServer((req, res) => res.end('hello VERSION'));
const wss = new WebSocketServer({ server });

wss.on('connection', function connection(ws) {
  ws.on('error', console.error);
  ws.on('message', function message(data) {
    ws.send('hello VERSION');
  });
});

server.listen(process.env.PORT || 8080);
`,
    },
    bad: throwsAtStart("server.js"),
    visitor: "websocket",
  },
  {
    name: "http-proxy-middleware",
    packages: { "http-proxy-middleware": "3.0.5", express: "4.21.2" },
    manifest: START,
    files: {
      "server.js": `const express = require('express');
const { createServer } = require('node:http');
const { createProxyMiddleware } = require('http-proxy-middleware');

const upstream = createServer((req, res) => res.end('hello VERSION')).listen(0, '127.0.0.1', () => {
  const app = express();
  const target = 'http://127.0.0.1:' + upstream.address().port;
  app.use('/api', createProxyMiddleware({ target, changeOrigin: true }));
  app.listen(process.env.PORT || 3000);
});
`,
    },
    path: "/api/hello",
    post: "/api/hello",
    bad: throwsAtStart("server.js"),
  },
  {
    name: "json-server",
    packages: { "json-server": "0.17.4" },
    manifest: START,
    files: {
      "server.js": `const path = require('path')
const jsonServer = require('json-server')
const server = jsonServer.create()
const router = jsonServer.router(path.join(__dirname, 'db.json'))
const middlewares = jsonServer.defaults()

server.use(middlewares)
server.use(router)
server.listen(process.env.PORT || 3000, () => {
  console.log('JSON Server is running')
})
`,
      "db.json": '{ "posts": [{ "id": 1, "title": "hello VERSION" }] }\n',
    },
    path: "/posts",
    bad: throwsAtStart("server.js"),
  },
  {
    name: "http-server",
    packages: { "http-server": "14.1.1" },
    manifest: { scripts: { start: "http-server public" } },
    files: { "public/index.html": "<h1>hello VERSION</h1>\n" },
    bad: {
      how: "ends at once",
      file: "inplace.config.json",
      from: "http-server public",
      to: "http-server public --tls",
    },
  },
  {
    name: "serve",
    packages: { serve: "14.2.4" },
    manifest: { scripts: { start: "serve public" } },
    files: {
      "public/index.html": "<h1>hello VERSION</h1>\n",
      "public/serve.json": '{ "cleanUrls": true }\n',
    },
    bad: endsAtOnce("public/serve.json", "not JSON\n"),
  },
  {
    name: "opentelemetry",
    packages: {
      "@opentelemetry/sdk-node": "0.203.0",
      "@opentelemetry/instrumentation-http": "0.203.0",
    },
    manifest: { scripts: { start: "node --require ./instrumentation.js app.js" } },
    files: {
      "app.js": `const { createServer } = require('http');

createServer((req, res) => res.end('hello VERSION')).listen(parseInt(process.env.PORT || '8080'));
`,
      "instrumentation.js": `const { NodeSDK } = require('@opentelemetry/sdk-node');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');

const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] });
sdk.start();
`,
    },
    bad: throwsAtStart("app.js"),
  },
  {
    name: "dd-trace",
    packages: { "dd-trace": "5.63.0" },
    manifest: { scripts: { start: "node --require dd-trace/init server.js" } },
    files: {
      "server.js": `const { createServer } = require('http');

createServer((req, res) => res.end('hello VERSION')).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "better-sqlite3",
    packages: { "better-sqlite3": "12.2.0" },
    manifest: START,
    files: {
      "server.js": `const { createServer } = require('http');
const db = require('better-sqlite3')(':memory:');

db.exec("create table greetings (text); insert into greetings values ('hello VERSION')");
createServer((req, res) => res.end(db.prepare('select text from greetings').get().text)).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "bcrypt",
    packages: { bcrypt: "6.0.0" },
    manifest: START,
    files: {
      "server.js": `const { createServer } = require('http');
const bcrypt = require('bcrypt');

createServer((req, res) => bcrypt.hash('secret', 4).then((hash) => res.end('hello VERSION ' + hash))).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "sharp",
    packages: { sharp: "0.34.3" },
    manifest: START,
    files: {
      "server.js": `const { createServer } = require('http');
const sharp = require('sharp');

const image = () => sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } }).png().toBuffer();
createServer((req, res) => image().then((png) => res.end('hello VERSION ' + png.length))).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "node-red",
    packages: { "node-red": "4.1.0", express: "4.21.2" },
    manifest: START,
    files: {
      "server.js": `const http = require('http');
const path = require('path');
const express = require('express');
const RED = require('node-red');

const app = express();
const server = http.createServer(app);
const settings = { httpAdminRoot: '/red', httpNodeRoot: '/api', userDir: path.join(__dirname, 'user'), functionGlobalContext: {} };
RED.init(server, settings);
app.use(settings.httpAdminRoot, RED.httpAdmin);
app.use(settings.httpNodeRoot, RED.httpNode);
app.get('/', (req, res) => res.send('hello VERSION'));
RED.start().then(() => server.listen(process.env.PORT || 8000));
`,
    },
    bad: throwsAtStart("server.js"),
  },
];
