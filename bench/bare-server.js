import { createServer } from "node:http";

const BODY = "hello world\n";

createServer((_request, response) => response.end(BODY)).listen(Number(process.env.PORT), "127.0.0.1");
