// A well-behaved application: says its name and the path. Started by a site's launch.sh with its name as argument.
import { createServer } from "node:http";

createServer((request, response) => response.end(`${process.argv[2]} ${request.url}`)).listen(
  Number(process.env["PORT"]),
  "127.0.0.1",
);
