const VARIABLE = /%([^%=\s]+)%/g;
/** What nobody would name a variable, such as the "20" of "%20a%20", is none that was forgotten. */
const NAME = /^[A-Za-z_][\w().-]*$/;

/** Replaces %NAME% by the variable, as Windows does: without case, and what is unknown stays as it stands. */
export function expandVariables(text: string, variables: NodeJS.ProcessEnv): string {
  return text.replace(VARIABLE, (whole, name: string) => lookUp(variables, name) ?? whole);
}

/** The names of the variables that an expanded text still holds. */
export function unsetVariables(expanded: string): readonly string[] {
  return [...expanded.matchAll(VARIABLE)].map(([, name = ""]) => name).filter((name) => NAME.test(name));
}

function lookUp(variables: NodeJS.ProcessEnv, name: string): string | undefined {
  if (Object.hasOwn(variables, name)) return variables[name];
  const wanted = name.toLowerCase();
  const key = Object.keys(variables).find((candidate) => candidate.toLowerCase() === wanted);
  return key === undefined ? undefined : variables[key];
}
