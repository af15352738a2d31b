import { configured, endsAtOnce, type App } from "../app.ts";

const SCRIPT = '#!/bin/sh\ncd "$(dirname "$0")"\nexec ';
const NAMED = { "package.json": '{ "name": "site", "private": true }\n' };

/** A folder with start.sh, which starts the program on $PORT. */
function script(line: string, build: Readonly<Record<string, unknown>> = {}) {
  const all = { builder: "directory", directory: ".", entryPoint: "start.sh", install: false, ...build };
  return configured("package.json with a name, start.sh, the whole folder", all, {
    ...NAMED,
    "start.sh": `${SCRIPT}${line}\n`,
  });
}

/** Programs that are none of Node's: they listen on PORT and end on SIGTERM. */
export const LANGUAGES: readonly App[] = [
  {
    name: "Go net/http",
    debian: ["golang-go"],
    files: {
      "go.mod": "module site\n\ngo 1.19\n",
      "main.go": `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello VERSION") })
	if err := http.ListenAndServe(":"+os.Getenv("PORT"), nil); err != nil {
		panic(err)
	}
}
`,
    },
    post: "/",
    bad: {
      how: "ends at once",
      file: "main.go",
      from: "func main() {",
      to: "func main() {\n\tos.Exit(1)",
    },
  },
  {
    name: "Java HttpServer",
    debian: ["openjdk-17-jre-headless"],
    files: {
      "Server.java": `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Server {
  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(System.getenv("PORT"))), 0);
    server.createContext("/", exchange -> {
      byte[] response = "hello VERSION".getBytes();
      exchange.sendResponseHeaders(200, response.length);
      exchange.getResponseBody().write(response);
      exchange.close();
    });
    server.start();
  }
}
`,
    },
    configured: script("java Server.java"),
    bad: { how: "ends at once", file: "Server.java", from: "server.start();", to: "System.exit(1);" },
  },
  {
    name: "Python http.server",
    debian: ["python3"],
    files: {
      "app.py": `import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"hello VERSION"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`,
    },
    configured: script("python3 app.py"),
    bad: endsAtOnce("app.py", "raise SystemExit(1)\n"),
    ci: true,
  },
  {
    name: "gunicorn and Flask",
    debian: ["gunicorn", "python3-flask"],
    files: {
      "pyproject.toml": `[project]
name = "site"
version = "1.0.0"
dependencies = ["flask", "gunicorn"]
`,
      "app.py": `from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello():
    return "hello VERSION"
`,
    },
    configured: script('/usr/bin/gunicorn --bind "127.0.0.1:$PORT" app:app'),
    bad: endsAtOnce("app.py", "raise RuntimeError('a bad build')\n"),
  },
  {
    name: "uvicorn",
    debian: ["python3-uvicorn"],
    files: {
      "pyproject.toml": `[project]
name = "site"
version = "1.0.0"
dependencies = ["uvicorn"]
`,
      "app.py": `async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello VERSION"})
`,
    },
    configured: script('/usr/bin/python3 -m uvicorn --lifespan off --port "$PORT" app:app'),
    bad: endsAtOnce("app.py", "raise RuntimeError('a bad build')\n"),
  },
  {
    name: "waitress and Flask",
    debian: ["python3-waitress", "python3-flask"],
    files: {
      "pyproject.toml": `[project]
name = "site"
version = "1.0.0"
dependencies = ["flask", "waitress"]
`,
      "app.py": `from flask import Flask

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def hello():
    return "hello VERSION"
`,
    },
    configured: script('/usr/bin/python3 -m waitress --listen="127.0.0.1:$PORT" app:app'),
    post: "/",
    bad: endsAtOnce("app.py", "raise RuntimeError('a bad build')\n"),
  },
  {
    name: "puma and Rack",
    debian: ["puma"],
    files: {
      "config.ru": "run ->(env) { [200, { 'content-type' => 'text/plain' }, ['hello VERSION']] }\n",
    },
    configured: script('/usr/bin/puma --bind "tcp://127.0.0.1:$PORT" config.ru'),
    bad: endsAtOnce("config.ru", "raise 'a bad build'\n"),
  },
  {
    name: "PHP built-in server",
    debian: ["php-cli"],
    files: { "index.php": "<?php echo 'hello VERSION';\n" },
    configured: script('php -S "127.0.0.1:$PORT" index.php'),
    bad: {
      how: "never answers",
      file: "index.php",
      to: "<?php sleep(120); ?>",
    },
  },
  {
    name: "Deno",
    packages: { deno: "2.9.6" },
    manifest: { scripts: { start: "deno run --allow-net --allow-env server.ts" } },
    files: {
      "server.ts": `Deno.serve({ port: Number(Deno.env.get("PORT")), hostname: "127.0.0.1" }, () => new Response("hello VERSION"));
`,
    },
    bad: endsAtOnce("server.ts", "Deno.exit(1);\n"),
  },
  {
    name: "Bun",
    packages: { bun: "1.2.21" },
    manifest: { scripts: { start: "bun server.ts" } },
    files: {
      "server.ts": `Bun.serve({ port: process.env.PORT, hostname: "127.0.0.1", fetch: () => new Response("hello VERSION") });
`,
    },
    bad: endsAtOnce("server.ts", "process.exit(1);\n"),
  },
  {
    name: "Rust std::net",
    debian: ["rustc"],
    files: {
      "main.rs": `use std::{env, io::{BufRead, BufReader, Write}, net::TcpListener, thread};

fn main() {
    let listener = TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT").unwrap())).unwrap();
    for stream in listener.incoming() {
        thread::spawn(move || {
            let mut stream = stream.unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                if line.unwrap_or_default().is_empty() { break; }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8\\r\\nConnection: close\\r\\n\\r\\nhello VERSION");
        });
    }
}
`,
    },
    configured: configured(
      "package.json with a name, the rustc command",
      { builder: "command", command: ["rustc", "-o", "$ARTIFACT", "main.rs"] },
      NAMED,
    ),
    bad: {
      how: "ends at once",
      file: "main.rs",
      from: "fn main() {",
      to: "fn main() {\n    if env::args().count() > 0 { std::process::exit(1); }",
    },
  },
];
