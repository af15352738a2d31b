import { Agent, createServer } from "node:http";
import { createProxyServer } from "http-proxy-3";

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const proxy = createProxyServer({ target: `http://127.0.0.1:${process.env.BACKEND}`, agent });
proxy.on("error", (_error, _request, response) => response.destroy());
createServer((request, response) => {
  proxy.web(request, response);
}).listen(Number(process.env.PORT), "127.0.0.1");
