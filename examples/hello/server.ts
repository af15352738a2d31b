import { createServer } from "node:http";

const artifact = process.env["INPLACE_ARTIFACT"] ?? "unknown";
const commit = /-([0-9a-f]{10})/.exec(artifact)?.[1] ?? "no commit";
const startedAt = new Date().toISOString();

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>hello</title>
<h1>Hello</h1>
<p>Commit <code>${commit}</code>, artifact <code>${artifact}</code>, started at <time>${startedAt}</time>.</p>
</html>
`;

const server = createServer((request, response) => {
  // The test client posts a body; whatever has one is read to its end before the answer.
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  });
});

server.listen(Number(process.env["PORT"] ?? 8000), "127.0.0.1");
