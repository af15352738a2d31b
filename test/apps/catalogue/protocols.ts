import { throwsAtStart, type App } from "../app.ts";

const MODULE = { type: "module", scripts: { start: "node server.js" } };

/** What is not HTTP/1.1 without TLS: behind supervise only, which passes on what comes. */
export const PROTOCOLS: readonly App[] = [
  {
    name: "https",
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';

const file = (name) => readFileSync(new URL(name, import.meta.url));
createServer({ key: file('key.pem'), cert: file('cert.pem') }, (req, res) => {
  res.end('hello VERSION');
}).listen(process.env.PORT || 8443);
`,
    },
    bad: throwsAtStart("server.js"),
    tls: true,
    certificate: true,
    remark: "serve speaks HTTP/1.1 without TLS to an app, as IIS does: behind supervise only",
    fronts: ["supervise"],
  },
  {
    name: "h2c",
    manifest: MODULE,
    files: {
      "server.js": `import { createServer } from 'node:http2';

const server = createServer();
server.on('stream', (stream) => {
  stream.respond({ 'content-type': 'text/plain', ':status': 200 });
  stream.end('hello VERSION');
});
server.listen(process.env.PORT || 8000);
`,
    },
    bad: throwsAtStart("server.js"),
    visitor: "h2",
    remark: "serve speaks HTTP/1.1 to an app, as IIS does: behind supervise only",
    fronts: ["supervise"],
  },
  ...[false, true].map((allowHTTP1): App => ({
    name: `http2.createSecureServer${allowHTTP1 ? " with allowHTTP1" : ""}`,
    manifest: MODULE,
    files: {
      "server.js": `import { createSecureServer } from 'node:http2';
import { readFileSync } from 'node:fs';

const file = (name) => readFileSync(new URL(name, import.meta.url));
const server = createSecureServer(
  { cert: file('cert.pem'), key: file('key.pem')${allowHTTP1 ? ", allowHTTP1: true" : ""} },
  (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ httpVersion: req.httpVersion, greeting: 'hello VERSION' }));
  },
);
server.listen(process.env.PORT || 8443);
`,
    },
    bad: throwsAtStart("server.js"),
    tls: true,
    certificate: true,
    visitor: "h2",
    http1: allowHTTP1,
    remark: "serve speaks HTTP/1.1 without TLS to an app, as IIS does: behind supervise only",
    fronts: ["supervise"],
  })),
];
