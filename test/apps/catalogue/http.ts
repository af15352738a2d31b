import { listensElsewhere, throwsAtStart, type App } from "../app.ts";

const START = { scripts: { start: "node server.js" } };
const PORT = "process.env.PORT";

/** Servers of plain HTTP/1.1, each as its README's first sample. */
export const HTTP: readonly App[] = [
  {
    name: "express",
    packages: { express: "5.3.0" },
    manifest: START,
    files: {
      "server.js": `const express = require('express')
const app = express()
const port = process.env.PORT || 3000

app.use(express.text())
app.get('/', (req, res) => {
  res.send('hello VERSION')
})
app.post('/', (req, res) => {
  res.send('hello VERSION')
})

app.listen(port, () => {
  console.log(\`Example app listening on port \${port}\`)
})
`,
    },
    bad: throwsAtStart("server.js"),
    post: "/",
  },
  {
    name: "express 4",
    packages: { express: "4.21.2" },
    manifest: START,
    files: {
      "server.js": `const express = require('express')
const app = express()

app.get('/', function (req, res) {
  res.send('hello VERSION')
})

app.listen(process.env.PORT || 3000)
`,
    },
    bad: listensElsewhere("server.js", "process.env.PORT || 3000"),
  },
  {
    name: "express-generator",
    packages: { express: "4.21.2", pug: "3.0.3", "cookie-parser": "1.4.7", morgan: "1.10.0", debug: "4.4.0" },
    manifest: { scripts: { start: "node ./bin/www" } },
    files: {
      "bin/www": `#!/usr/bin/env node
var app = require('../app');
var http = require('http');

var port = process.env.PORT || '3000';
app.set('port', port);
var server = http.createServer(app);
server.listen(port);
`,
      "app.js": `var express = require('express');
var path = require('path');
var cookieParser = require('cookie-parser');
var logger = require('morgan');

var app = express();
app.set('views', path.join(__dirname, 'views'));
app.set('view engine', 'pug');
app.use(logger('dev'));
app.use(express.json());
app.use(cookieParser());
app.use(express.static(path.join(__dirname, 'public')));
app.get('/', function (req, res) {
  res.render('index', { title: 'hello VERSION' });
});

module.exports = app;
`,
      "views/index.pug":
        "doctype html\nhtml\n  head\n    title= title\n  body\n    h1= title\n    p Welcome to #{title}\n",
      "public/stylesheets/style.css": "body { padding: 50px; }\n",
    },
    bad: throwsAtStart("app.js"),
  },
  {
    name: "fastify",
    packages: { fastify: "5.12.8" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import Fastify from 'fastify'
const fastify = Fastify({ logger: true })

fastify.get('/', async function handler (request, reply) {
  return { hello: 'hello VERSION' }
})
fastify.post('/', async function handler (request, reply) {
  return { hello: 'hello VERSION' }
})

try {
  await fastify.listen({ port: process.env.PORT || 3000 })
} catch (err) {
  fastify.log.error(err)
  process.exit(1)
}
`,
    },
    bad: throwsAtStart("server.js"),
    post: "/",
    ci: true,
  },
  {
    name: "fastify with pino transport and close hooks",
    packages: { fastify: "5.12.8" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import Fastify from 'fastify'
const fastify = Fastify({ logger: { transport: { target: 'pino/file' } } })

fastify.addHook('onClose', async () => { await new Promise((resolve) => setTimeout(resolve, 50)) })
fastify.get('/', async () => ({ hello: 'hello VERSION' }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => fastify.close().then(() => process.exit(0)))

await fastify.listen({ port: process.env.PORT || 3000, host: '0.0.0.0' })
`,
    },
    bad: listensElsewhere("server.js", "process.env.PORT || 3000"),
  },
  {
    name: "koa",
    packages: { koa: "3.3.0" },
    manifest: START,
    files: {
      "server.js": `const Koa = require('koa');
const app = new Koa();

app.use(ctx => {
  ctx.body = 'hello VERSION';
});

app.listen(${PORT} || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
    post: "/",
  },
  {
    name: "hapi",
    packages: { "@hapi/hapi": "21.4.10" },
    manifest: START,
    files: {
      "server.js": `'use strict';

const Hapi = require('@hapi/hapi');

const init = async () => {
    const server = Hapi.server({
        port: ${PORT} || 3000,
        host: 'localhost'
    });
    server.route({
        method: 'GET',
        path: '/',
        handler: (request, h) => {
            return 'hello VERSION';
        }
    });
    process.on('SIGTERM', async () => {
        await server.stop({ timeout: 10000 });
        process.exit(0);
    });
    await server.start();
    console.log('Server running on %s', server.info.uri);
};

process.on('unhandledRejection', (err) => {
    console.log(err);
    process.exit(1);
});

init();
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "hono",
    packages: { hono: "4.13.19", "@hono/node-server": "2.1.9" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (c) => c.text('hello VERSION'))
app.post('/', async (c) => c.text('hello VERSION ' + (await c.req.text()).length))

serve({ fetch: app.fetch, port: ${PORT} || 3000 })
`,
    },
    bad: throwsAtStart("server.js"),
    post: "/",
  },
  {
    name: "h3",
    packages: { h3: "1.15.4" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { createServer } from "node:http";
import { createApp, createRouter, defineEventHandler, toNodeListener } from "h3";

export const app = createApp();
const router = createRouter();
app.use(router);
router.get("/", defineEventHandler(() => ({ message: "hello VERSION" })));

createServer(toNodeListener(app)).listen(process.env.PORT || 3000);
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "polka",
    packages: { polka: "0.5.2" },
    manifest: START,
    files: {
      "server.js": `const polka = require('polka');

polka()
  .get('/', (req, res) => {
    res.end('hello VERSION');
  })
  .listen(${PORT} || 3000, err => {
    if (err) throw err;
  });
`,
    },
    bad: throwsAtStart("server.js"),
  },
  {
    name: "restify",
    packages: { restify: "11.1.0" },
    manifest: START,
    files: {
      "server.js": `var restify = require('restify');

var server = restify.createServer();
server.get('/', function (req, res, next) {
  res.send('hello VERSION');
  next();
});

server.listen(${PORT} || 8080, function() {
  console.log('%s listening at %s', server.name, server.url);
});
`,
    },
    bad: throwsAtStart("server.js"),
  },
];
