import { deepEqual, equal, match, throws } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { InplaceError } from "#src/errors.js";
import { parseWebConfig, type PlatformConfig } from "#src/platform/web-config/read.js";
import { temporaryFolder } from "../rig/temporary-site.js";

const FILES: Readonly<Record<string, string>> = {
  "headers.config":
    '<?xml version="1.0"?>\n<customHeaders><add name="X-A" value="1"/>\n<add name="X B" value="1"/></customHeaders>',
  "conf/Filter.config": '<requestFiltering><requestLimits maxAllowedContentLength="5"/></requestFiltering>',
  "core.config":
    '<aspNetCore processPath="dotnet"\n arguments="shop.dll" ><environmentVariables configSource="variables.config"/></aspNetCore>',
  "variables.config":
    '<environmentVariables><environmentVariable name="A" value="b"/></environmentVariables>',
  "handlers.config":
    '<handlers><add name="x" path="/api/*" verb="*" modules="AspNetCoreModuleV2"/></handlers>',
  "wrong.config": '<aspNetCore processPath="x"\n wrong="1"/>',
  "broken.config": "<aspNetCore>",
  "again.config": '<aspNetCore configSource="AGAIN.config"/>',
};
const CORE = '<aspNetCore processPath="x"/>';

test("what configSource names stands in the element's place, and a mistake in it is told with that file's line", async (t) => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, "conf"));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(root, name), content);
  const parse = (content: string): PlatformConfig =>
    parseWebConfig(
      join(root, "web.config"),
      Buffer.from(
        `<configuration><appSettings configSource="secrets.config"/><system.webServer>\n${content}\n</system.webServer></configuration>`,
      ),
    );

  const { processPath, places, environment, mappings, answerFields, maxContentLength, withoutEffect } = parse(
    `<ASPNETCORE configSource="core.config"/><handlers configsource=".\\handlers.config"/>
     <httpProtocol><customHeaders configSource="headers.config" lockItem="true"/></httpProtocol>
     <security><requestFiltering configSource="conf\\Filter.config"/></security>`,
  );
  equal(processPath, "dotnet");
  equal(places.get("arguments"), `${join(root, "core.config")}:2:12`);
  deepEqual(mappings, [{ path: "/api/*", verbs: [] }]);
  deepEqual(environment, [["A", "b"]]);
  equal(answerFields, "X-A: 1\r\n");
  equal(maxContentLength, 5);
  deepEqual(
    withoutEffect.map(({ place }) => place),
    [`${join(root, "headers.config")}:3:1`],
  );

  for (const [content, message] of [
    [
      '<aspNetCore configSource="gone.config"/>',
      /web\.config:2:26: configSource="gone\.config" of <aspNetCore> names no file in the site: there is no .*gone\.config$/,
    ],
    ['<aspNetCore configSource="conf"/>', /:2:26: .*names no file/],
    ['<aspNetCore configSource=""/>', /:2:26: .*names no file/],
    ['<aspNetCore configSource="..\\core.config"/>', /:2:26: .*names no file in the site$/],
    ['<aspNetCore configSource="C:\\core.config"/>', /:2:26: .*names no file in the site$/],
    [`<aspNetCore configSource="${root}/core.config"/>`, /:2:26: .*names no file in the site$/],
    [
      '<aspNetCore configSource="core.config" processPath="x"/>',
      /:2:26: .*stands beside settings of the element's own$/,
    ],
    ['<aspNetCore configSource="headers.config"/>', /:2:26: .*holds <customHeaders>$/],
    ['<aspNetCore configSource="again.config"/>', /.*again\.config:1:\d+: .*leads back to itself$/i],
    ['<aspNetCore configSource="wrong.config"/>', /wrong\.config:2:8: unrecognized attribute "wrong"/],
    ['<aspNetCore configSource="broken.config"/>', /broken\.config:1:1: <aspNetCore> is not closed/],
    [`${CORE}<rewrite><rules configSource="gone.config"/></rewrite>`, /:2:\d+: .*of <rules> names no file/],
  ] as const)
    throws(
      () => parse(content),
      (error: InplaceError) => {
        equal(error.code, "WEB_CONFIG_INVALID");
        match(error.message, message);
        return true;
      },
      content,
    );
});
