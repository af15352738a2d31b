import type { Has, Proposal } from "./proposal.ts";

const PYTHON = process.platform === "win32" ? "python" : "python3";
const MODULES = [
  "wsgi.py",
  "asgi.py",
  "app.py",
  "main.py",
  "application.py",
  "server.py",
  "run.py",
  "app/main.py",
  "app/__init__.py",
  "src/main.py",
];
/** Packages go beside the code: a virtual environment holds links, and the paths of where it was made. */
const PACKAGES = "_packages";

/** By the server that the requirements name: uvicorn, gunicorn, waitress, hypercorn; else by the framework's own. */
export function python(has: Has, text: (path: string | undefined) => string): Proposal | undefined {
  const requirements = has("requirements.txt");
  const listed = requirements ?? has("pyproject.toml", "Pipfile");
  const django = has("manage.py");
  const file = MODULES.find((path) => has(path) !== undefined);
  const procfile = /^web:\s*(.+)$/m.exec(text(has("Procfile")))?.[1];
  if (listed === undefined && django === undefined && file === undefined) return undefined;
  if (file === undefined && django === undefined && procfile === undefined) return undefined;
  const words = text(listed).toLowerCase();
  const uses = (name: string): boolean => new RegExp(`(^|[\\s"'])${name}(\\W|$)`, "m").test(words);
  const app = django === undefined ? appIn(file ?? "app.py", text(file)) : djangoApp(text(django));
  const module = procfile === undefined ? serverOf(uses, app, file) : `${PYTHON} -m ${procfile}`;
  const command = requirements === undefined ? undefined : pipInstall(requirements);
  return {
    build: {
      builder: "directory",
      ...(command && { command }),
      directory: ".",
      start: withPackages(module),
    },
    reasons: [
      `${listed ?? file ?? "manage.py"}: a Python app, ${module}`,
      ...(requirements === undefined ? [] : [packagesReason(requirements)]),
    ],
  };
}

/** Into the artifact, by the Python that is here. */
export function pipInstall(requirements: string): readonly string[] {
  const quietly = ["install", "--quiet", "--disable-pip-version-check"];
  return [PYTHON, "-m", "pip", ...quietly, "--target", `$ARTIFACT/${PACKAGES}`, "-r", requirements];
}

export function withPackages(line: string): string {
  return `PYTHONPATH=${PACKAGES} ${line}`;
}

export function packagesReason(requirements: string): string {
  return `packages of ${requirements} are installed into the artifact`;
}

/** MODULE:VARIABLE, and whether it speaks ASGI. */
interface App {
  readonly name: string;
  readonly isAsync: boolean;
  readonly framework: string | undefined;
}

function appIn(file: string, text: string): App {
  const [, variable, framework] =
    /^(\w+)(?:\s*:\s*\w+)?\s*=\s*(?:\w+\.)?(Flask|FastAPI|Starlette|Quart|Bottle|Litestar|Sanic|Falcon)\b/m.exec(
      text,
    ) ?? [];
  const factory = /^def (create_app|make_app)\(/m.exec(text)?.[1];
  const module = file.replace(/(\/__init__)?\.py$/, "").replaceAll("/", ".");
  const exported =
    /^(application|app)\s*=/m.exec(text)?.[1] ?? /^(?:async )?def (application|app)\(/m.exec(text)?.[1];
  return {
    name: `${module}:${variable ?? exported ?? (factory === undefined ? "app" : `${factory}()`)}`,
    isAsync: /FastAPI|Starlette|Quart|Litestar/.test(framework ?? "") || /^async def app\(/m.test(text),
    framework,
  };
}

function djangoApp(manage: string): App {
  const package_ = /["']([\w.]+)\.settings/.exec(manage)?.[1] ?? "project";
  return { name: `${package_}.wsgi:application`, isAsync: false, framework: "Django" };
}

function serverOf(uses: (name: string) => boolean, app: App, file: string | undefined): string {
  const name = app.name.endsWith(")") ? `"${app.name}"` : app.name;
  if (app.isAsync && uses("hypercorn")) return `${PYTHON} -m hypercorn --bind 127.0.0.1:$PORT ${name}`;
  if (app.isAsync && (uses("uvicorn") || uses("fastapi")))
    return `${PYTHON} -m uvicorn --host 127.0.0.1 --port $PORT ${name}`;
  if (uses("gunicorn")) return `${PYTHON} -m gunicorn --bind 127.0.0.1:$PORT ${name}`;
  if (uses("waitress")) return `${PYTHON} -m waitress --listen=127.0.0.1:$PORT ${name}`;
  if (app.framework === "Flask") return `${PYTHON} -m flask --app ${name} run --host 127.0.0.1 --port $PORT`;
  return `${PYTHON} ${file ?? "app.py"}`;
}
