import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { python } from "./python.ts";
import type { Has, Proposal } from "./proposal.ts";

/** Programs of other languages, by the files that their tools look for. What they take to build need not be here. */
export function otherProgram(folder: string, has: Has): Proposal | undefined {
  const text = (path: string | undefined): string =>
    path === undefined ? "" : readFileSync(join(folder, path), "utf8");
  return go(folder, has) ?? dotnet(folder, text) ?? java(has, text) ?? python(has, text);
}

function go(folder: string, has: Has): Proposal | undefined {
  if (has("go.mod") === undefined) return undefined;
  const names =
    has("main.go") === undefined && has("cmd") !== undefined ? readdirSync(join(folder, "cmd")) : [];
  const main =
    names.length === 0
      ? "."
      : `./cmd/${names.find((name) => /^(server|web|api|app)$/.test(name)) ?? names[0] ?? ""}`;
  return {
    build: { builder: "command", command: ["go", "build", "-o", "$ARTIFACT", main] },
    reasons: [`go.mod: go build of ${main}`],
  };
}

/** https://learn.microsoft.com/dotnet/core/tools/dotnet-publish */
function dotnet(folder: string, text: (path: string) => string): Proposal | undefined {
  const project = readdirSync(folder).find((name) => /\.(cs|fs|vb)proj$/.test(name));
  if (project === undefined) return undefined;
  const name = /<AssemblyName>([^<]+)</.exec(text(project))?.[1] ?? project.replace(/\.\w+$/, "");
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
