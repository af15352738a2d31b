// A well-behaved application: says its name and the path. Started by a site's launch.sh with its name as argument.
import { createServer } from "node:http";

/** The end of the last idle connection is waited for. */
const IDLE_MS = 2_000;

createServer({ keepAliveTimeout: IDLE_MS }, (request, response) =>
  response.end(`${process.argv[2]} ${request.url}`),
).listen(Number(process.env["PORT"]), "127.0.0.1");
