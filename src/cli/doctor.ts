import { examine } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";
import { EXIT } from "../errors.ts";
import type { DefineVerb, Outcome, VerbContext } from "./verb.ts";

export const defineDoctor: DefineVerb = (program, run) => {
  program
    .command("doctor")
    .description("look at a site and say what will go wrong; exit code 1 when something is broken")
    .action(() => run(runDoctor));
};

async function runDoctor(context: VerbContext): Promise<Outcome> {
  const layout = context.site();
  const findings = await examine(layout, { env: context.env });
  const broken = findings.filter(({ severity }) => severity === "broken").length;
  return {
    exit: broken > 0 ? EXIT.failed : EXIT.done,
    document: { site: layout.root, healthy: broken === 0, findings },
    text: findings.length === 0 ? `${layout.root} is healthy` : findings.map(words).join("\n"),
  };
}

function words({ severity, code, what, cure }: Finding): string {
  return `${severity.padEnd(6)}  ${code}: ${what}\n        ${cure}`;
}
