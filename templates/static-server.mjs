// Serves the folder public/ beside it: files, folders by their index.html, /about by about.html. Written by inplace-deploy deploy.
import { createReadStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("./public/", import.meta.url));
/** "app": every address that is no file is index.html, whose script knows what to show. */
const { kind } = JSON.parse(readFileSync(new URL("./_static.json", import.meta.url), "utf8"));
const TEXT = "; charset=utf-8";
const TYPES = {
  ".avif": "image/avif",
  ".css": `text/css${TEXT}`,
  ".csv": `text/csv${TEXT}`,
  ".gif": "image/gif",
  ".htm": `text/html${TEXT}`,
  ".html": `text/html${TEXT}`,
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": `text/javascript${TEXT}`,
  ".json": "application/json",
  ".map": "application/json",
  ".md": `text/markdown${TEXT}`,
  ".mjs": `text/javascript${TEXT}`,
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": `text/plain${TEXT}`,
  ".wasm": "application/wasm",
  ".webm": "video/webm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".xml": `application/xml${TEXT}`,
};

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
});

async function answer(request, response) {
  if (request.method !== "GET" && request.method !== "HEAD")
    return plain(response, 405, "method not allowed", { allow: "GET, HEAD" });
  const { pathname, search } = new URL(request.url ?? "/", "http://site");
  const found = await find(pathname);
  if (found?.kind === "folder") return plain(response, 301, "moved", { location: `${pathname}/${search}` });
  if (found !== undefined) return send(request, response, 200, found);
  const otherwise = await fileAt(join(FOLDER, kind === "app" ? "index.html" : "404.html"));
  const isPage = kind === "app" && extname(pathname) === "";
  if (otherwise !== undefined && (isPage || kind !== "app"))
    return send(request, response, isPage ? 200 : 404, otherwise);
  return plain(response, 404, "not found");
}

/** What an address means: a file, or a folder that lacks its slash. Nothing outside, and no file that begins with a dot. */
async function find(pathname) {
  let path;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  const parts = path.split(/[\\/]/);
  const hidden = parts.some((part) => part.startsWith(".") && part !== ".well-known");
  if (hidden || path.includes("\0") || path.includes(":")) return undefined;
  const full = join(FOLDER, path);
  if (!`${full}${sep}`.startsWith(FOLDER)) return undefined;
  if (path.endsWith("/")) return fileAt(join(full, "index.html"));
  const found = (await fileAt(full)) ?? (await fileAt(`${full}.html`));
  if (found !== undefined) return found;
  return (await fileAt(join(full, "index.html"))) === undefined ? undefined : { kind: "folder" };
}

async function fileAt(path) {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? { kind: "file", path, size: found.size, mtimeMs: found.mtimeMs } : undefined;
}

async function send(request, response, status, { path, size, mtimeMs }) {
  // Of the size and the time in whole seconds, which every copy of a file keeps or renews with its release.
  const etag = `W/"${size.toString(36)}-${Math.floor(mtimeMs / 1000).toString(36)}"`;
  const headers = {
    "content-type": TYPES[extname(path).toLowerCase()] ?? "application/octet-stream",
    "cache-control": "no-cache",
    "last-modified": new Date(mtimeMs).toUTCString(),
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
    etag,
  };
  if (status === 200 && request.headers["if-none-match"] === etag)
    return response.writeHead(304, headers).end();
  const range = status === 200 ? rangeOf(request.headers.range, size) : { start: 0, end: size - 1 };
  if (range === undefined)
    return plain(response, 416, "no such range", { "content-range": `bytes */${size}` });
  const { start, end } = range;
  const isPart = start > 0 || end < size - 1;
  if (isPart) headers["content-range"] = `bytes ${start}-${end}/${size}`;
  response.writeHead(isPart ? 206 : status, { ...headers, "content-length": end - start + 1 });
  if (request.method === "HEAD" || size === 0) return response.end();
  await pipeline(createReadStream(path, { start, end }), response);
}

/** The bytes that a Range header asks for; all of them where it asks for none, or for several parts. */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  const [, from = "", to = ""] = match ?? [];
  if (match === null || (from === "" && to === "")) return { start: 0, end: size - 1 };
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return start <= end && start < size ? { start, end } : undefined;
}

function plain(response, status, text, headers = {}) {
  response.writeHead(status, { "content-type": `text/plain${TEXT}`, ...headers }).end(`${text}\n`);
}

server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
