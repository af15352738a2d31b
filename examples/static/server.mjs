import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("./public/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml" };

const server = createServer((request, response) => {
  answer(request.url ?? "/", response).catch((error) => response.destroy(error));
});

async function answer(url, response) {
  const file = await findFile(url);
  if (file === undefined) return response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  await pipeline(createReadStream(file), response);
}

/** The file that a URL means, or undefined; never outside of the folder. */
async function findFile(url) {
  let path;
  try {
    path = normalize(join(FOLDER, decodeURIComponent(new URL(url, "http://site").pathname)));
  } catch {
    return undefined;
  }
  if (!path.startsWith(FOLDER) || path.includes("\0")) return undefined;
  const file = path.endsWith(sep) ? join(path, "index.html") : path;
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? file : undefined;
}

server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
