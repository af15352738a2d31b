// Becomes one executable with its page inside: `inplace-deploy deploy` needs the package postject for it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import sea from "node:sea";

const PAGE = "public/index.html";
const page = sea.isSea() ? sea.getAsset(PAGE, "utf8") : readFileSync(new URL(PAGE, import.meta.url), "utf8");

createServer((request, response) => {
  // The answer follows the whole request: a body that is still on its way is waited for.
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  });
}).listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
