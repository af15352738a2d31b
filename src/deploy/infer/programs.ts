import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { go } from "./go.ts";
import { packagesReason, pipInstall, python, withPackages } from "./python.ts";
import type { Has, Proposal } from "./proposal.ts";

/** Programs of other languages, by the files that their tools look for. What they take to build need not be here. */
export function otherProgram(folder: string, has: Has): Proposal | undefined {
  const text = (path: string | undefined): string =>
    path === undefined ? "" : readFileSync(join(folder, path), "utf8");
  return (
    go(folder, has) ??
    dotnet(folder, text) ??
    java(has, text) ??
    python(has, text) ??
    php(has) ??
    startScript(has)
  );
}

/** https://learn.microsoft.com/dotnet/core/tools/dotnet-publish */
function dotnet(folder: string, text: (path: string) => string): Proposal | undefined {
  const project = dotnetProject(folder, text);
  if (project === undefined) return publishedDotnet(folder);
  const name =
    /<AssemblyName>([^<]+)</.exec(text(project))?.[1] ?? posix.basename(project, posix.extname(project));
  return {
    build: {
      builder: "directory",
      command: ["dotnet", "publish", project, "-c", "Release", "-o", "bin/inplace"],
      directory: "bin/inplace",
      start: `ASPNETCORE_URLS=http://127.0.0.1:$PORT dotnet ${name}.dll`,
    },
    reasons: [`${project}: dotnet publish, and dotnet ${name}.dll`],
  };
}

const DOTNET_PROJECT = /\.(cs|fs|vb)proj$/;
const DEEPEST_PROJECT = 3;

/** In the folder itself; below a solution the one project that is a web app, with "/". */
function dotnetProject(folder: string, text: (path: string) => string): string | undefined {
  const names = readdirSync(folder);
  const here = names.find((name) => DOTNET_PROJECT.test(name));
  if (here !== undefined || !names.some((name) => /\.slnx?$/.test(name))) return here;
  const web = projectsBelow(folder, "").filter((path) => /Sdk="Microsoft\.NET\.Sdk\.Web"/.test(text(path)));
  return web.length === 1 ? web[0] : undefined;
}

function projectsBelow(folder: string, prefix: string): string[] {
  if (prefix.split("/").length > DEEPEST_PROJECT) return [];
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(prefix, entry.name);
    if (entry.isFile()) return DOTNET_PROJECT.test(path) ? [path] : [];
    const isLooked = entry.isDirectory() && !/^(\.|node_modules$|bin$|obj$|_target)/.test(entry.name);
    return isLooked ? projectsBelow(folder, path) : [];
  });
}

/** What dotnet publish made somewhere else and somebody committed, or unpacked here. */
function publishedDotnet(folder: string): Proposal | undefined {
  const END = ".runtimeconfig.json";
  const file = readdirSync(folder).find((name) => name.endsWith(END));
  if (file === undefined) return undefined;
  const name = file.slice(0, -END.length);
  return {
    build: {
      builder: "directory",
      directory: ".",
      start: `ASPNETCORE_URLS=http://127.0.0.1:$PORT dotnet ${name}.dll`,
    },
    reasons: [`${file}: what dotnet publish made, and dotnet ${name}.dll`],
  };
}

/** https://www.php.net/manual/features.commandline.webserver.php */
function php(has: Has): Proposal | undefined {
  const index = has("public/index.php", "web/index.php", "index.php");
  if (index === undefined) return undefined;
  const composer = has("composer.json");
  return {
    build: {
      builder: "directory",
      ...(composer !== undefined && { command: ["composer", "install", "--no-dev", "--no-interaction"] }),
      directory: ".",
      start: `PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:$PORT -t ${posix.dirname(index)}`,
    },
    reasons: [
      `${index}: PHP's own server, which its manual means for development; FrankenPHP or RoadRunner are for more`,
      ...(composer === undefined
        ? []
        : ["composer.json: its packages are installed, without those for development"]),
    ],
  };
}

/** Started by the launchers as it is, on Windows start.cmd. */
function startScript(has: Has): Proposal | undefined {
  const script = has("start.sh", "start.cmd");
  if (script === undefined) return undefined;
  const build = { builder: "directory", directory: "." } as const;
  const reason = `${script}: the whole folder, and this starts it`;
  const requirements = has("requirements.txt");
  if (requirements === undefined) return { build, reasons: [reason] };
  return {
    build: { ...build, command: pipInstall(requirements), start: withPackages(`sh ./${script}`) },
    reasons: [reason, packagesReason(requirements)],
  };
}

function java(has: Has, text: (path: string | undefined) => string): Proposal | undefined {
  const pom = has("pom.xml");
  if (pom !== undefined) {
    const own = text(pom).replace(
      /<(parent|dependencies|build|dependencyManagement|profiles)>[^]*?<\/\1>/g,
      "",
    );
    const tag = (name: string): string | undefined => new RegExp(`<${name}>\\s*([^<\\s]+)`).exec(own)?.[1];
    const finalName = /<finalName>\s*([^<\s$]+)/.exec(text(pom))?.[1];
    const jar =
      finalName ??
      `${tag("artifactId") ?? "app"}-${tag("version") ?? /<version>\s*([^<\s]+)/.exec(text(pom))?.[1] ?? "1.0"}`;
    return jarOf(
      [has("mvnw") === undefined ? "mvn" : "./mvnw", "-q", "-DskipTests", "package"],
      "target",
      jar,
      pom,
    );
  }
  const gradle = has("build.gradle", "build.gradle.kts");
  if (gradle === undefined) return undefined;
  const name =
    /rootProject\.name\s*=\s*["']([^"']+)/.exec(text(has("settings.gradle", "settings.gradle.kts")))?.[1] ??
    "app";
  const version = /^version\s*=?\s*["']([^"']+)/m.exec(text(gradle))?.[1];
  const jar = version === undefined ? name : `${name}-${version}`;
  return jarOf(
    [has("gradlew") === undefined ? "gradle" : "./gradlew", "build", "-x", "test"],
    "build/libs",
    jar,
    gradle,
  );
}

/** Spring Boot takes SERVER_PORT, others PORT. */
function jarOf(command: readonly string[], directory: string, jar: string, file: string): Proposal {
  const start = `SERVER_PORT=$PORT SERVER_ADDRESS=127.0.0.1 java -jar ${jar}.jar`;
  return {
    build: { builder: "directory", command, directory, start },
    reasons: [`${file}: ${command.join(" ")}, and java -jar ${directory}/${jar}.jar`],
  };
}
