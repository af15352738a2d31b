import assert from "node:assert/strict";
import { test } from "node:test";
import { inferBuild } from "#src/deploy/infer/infer.js";
import { sourceRepository, type Files } from "../rig/source.ts";

const PYTHON = process.platform === "win32" ? "python" : "python3";
const GO_SERVER = process.platform === "win32" ? "_server.exe" : "_server";
const goAlone = (main: string): object => ({
  builder: "command",
  command: ["go", "build", "-o", "$ARTIFACT", main],
});
const goWithFiles = (main: string, more: object = {}): object =>
  whole(`./${GO_SERVER}`, { command: ["go", "build", "-o", `$ARTIFACT/${GO_SERVER}`, main], ...more });
const PIP_INSTALL =
  `${PYTHON} -m pip install --quiet --disable-pip-version-check --target $ARTIFACT/_packages -r requirements.txt`.split(
    " ",
  );
const whole = (start: string, more: object = {}): object => ({
  builder: "directory",
  directory: ".",
  start,
  ...more,
});

/** What a program in another language than JavaScript shows → what is proposed. */
const PROGRAMS: readonly [name: string, files: Files, build: object][] = [
  [
    "Flask with gunicorn",
    {
      "requirements.txt": "Flask==3\ngunicorn\n",
      "app.py": "from flask import Flask\nshop = Flask(__name__)\n",
    },
    whole(`PYTHONPATH=_packages ${PYTHON} -m gunicorn --bind 127.0.0.1:$PORT app:shop`, {
      command: [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        "$ARTIFACT/_packages",
        "-r",
        "requirements.txt",
      ],
    }),
  ],
  [
    "FastAPI",
    { "pyproject.toml": 'dependencies = ["fastapi", "uvicorn"]', "main.py": "app = FastAPI()\n" },
    whole(`PYTHONPATH=_packages ${PYTHON} -m uvicorn --host 127.0.0.1 --port $PORT main:app`),
  ],
  ["Go with a command", { "go.mod": "module x", "cmd/server/main.go": "" }, goAlone("./cmd/server")],
  [
    "Go that serves a folder",
    {
      "go.mod": "module x",
      "main.go": 'package main\nfunc main() { http.Handle("/", http.FileServer(http.Dir("./web/"))) }',
      "web/index.html": "",
    },
    goWithFiles("."),
  ],
  [
    "Go with templates by a pattern, in a package of its own",
    {
      "go.mod": "module x",
      "cmd/web/main.go": "package main\nfunc main() {}",
      "internal/pages/pages.go": "package pages\nvar all = template.Must(template.ParseGlob(`ui/*.tmpl`))",
      "ui/home.tmpl": "",
    },
    goWithFiles("./cmd/web"),
  ],
  [
    "Go that reads one file, beside pages that npm builds",
    {
      "go.mod": "module x",
      "main.go": 'package main\nvar data, _ = os.ReadFile(filepath.Join("data", "prices.json"))',
      "data/prices.json": {},
      "package.json": { devDependencies: { vite: "7" } },
    },
    goWithFiles(".", { install: false }),
  ],
  [
    "Go that serves what lies in its own folder",
    { "go.mod": "module x", "main.go": 'package main\nvar files = os.DirFS(".")' },
    goWithFiles("."),
  ],
  [
    "Go with a folder by custom that a variable names",
    { "go.mod": "module x", "main.go": 'package main\nvar dir = os.Getenv("FILES")', "static/a.css": "" },
    goWithFiles("."),
  ],
  [
    "Go that embeds all that it serves",
    {
      "go.mod": "module x",
      "main.go":
        'package main\nimport (\n\t"embed"\n)\n//go:embed static/* "all:views"\nvar files embed.FS\nvar sub, _ = fs.Sub(files, "static")\nvar home = "views/home.html"',
      "static/a.css": "",
      "views/home.html": "",
    },
    goAlone("."),
  ],
  [
    "Go whose words name folders of code, files of tests and paths of the system",
    {
      "go.mod": "module x",
      "main.go":
        'package main\nimport "store"\nvar words = []string{"store", "/etc/hosts", "..", "a\\"b", "%s"}',
      "main_test.go": 'package main\nvar golden = "testdata/golden.json"',
      "testdata/golden.json": {},
      "store/store.go": "package store",
    },
    goAlone("."),
  ],
  [
    ".NET",
    { "Shop.csproj": "<Project/>" },
    {
      builder: "directory",
      command: ["dotnet", "publish", "Shop.csproj", "-c", "Release", "-o", "bin/inplace"],
      directory: "bin/inplace",
      start: "ASPNETCORE_URLS=http://127.0.0.1:$PORT dotnet Shop.dll",
    },
  ],
  [
    "Maven",
    {
      "pom.xml":
        "<project><parent><artifactId>p</artifactId><version>9</version></parent><artifactId>shop</artifactId><version>1.2</version></project>",
    },
    {
      builder: "directory",
      command: ["mvn", "-q", "-DskipTests", "package"],
      directory: "target",
      start: "SERVER_PORT=$PORT SERVER_ADDRESS=127.0.0.1 java -jar shop-1.2.jar",
    },
  ],
  [
    "a solution whose one web project lies below",
    {
      "Shop.sln": "",
      "src/Shop.Web/Shop.Web.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web"><PropertyGroup/></Project>',
      "src/Shop.Core/Shop.Core.csproj": '<Project Sdk="Microsoft.NET.Sdk"/>',
    },
    {
      builder: "directory",
      command: ["dotnet", "publish", "src/Shop.Web/Shop.Web.csproj", "-c", "Release", "-o", "bin/inplace"],
      directory: "bin/inplace",
      start: "ASPNETCORE_URLS=http://127.0.0.1:$PORT dotnet Shop.Web.dll",
    },
  ],
  [
    "what dotnet publish made",
    { "Shop.dll": "", "Shop.runtimeconfig.json": {}, "web.config": "<configuration/>" },
    whole("ASPNETCORE_URLS=http://127.0.0.1:$PORT dotnet Shop.dll"),
  ],
  [
    "PHP with Composer",
    { "composer.json": {}, "public/index.php": "<?php", "package.json": { devDependencies: { vite: "7" } } },
    whole("PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:$PORT -t public", {
      command: ["composer", "install", "--no-dev", "--no-interaction"],
    }),
  ],
  [
    "PHP files beside pages",
    { "index.php": "<?php", "about.html": "" },
    whole("PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:$PORT -t ."),
  ],
  ["a start.sh of any program", { "start.sh": "#!/bin/sh\n" }, { builder: "directory", directory: "." }],
  [
    "a start.sh with packages of Python",
    { "start.sh": "exec python3 -m shop", "shop/__main__.py": "", "requirements.txt": "waitress" },
    whole("PYTHONPATH=_packages sh ./start.sh", {
      command: PIP_INSTALL,
    }),
  ],
];

for (const [name, files, build] of PROGRAMS) {
  test(`init proposes for ${name} what runs there in production`, async (t) => {
    const { folder } = await sourceRepository(t, files);
    const proposal = await inferBuild(folder);
    assert.deepEqual(proposal.build, build, proposal.reasons.join("\n"));
    assert.ok(proposal.reasons.length > 0);
  });
}
