/** Replaces %NAME% by the variable, as Windows does: without case, and what is unknown stays as it stands. */
export function expandVariables(text: string, variables: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%=\s]+)%/g, (whole, name: string) => lookUp(variables, name) ?? whole);
}

function lookUp(variables: NodeJS.ProcessEnv, name: string): string | undefined {
  if (Object.hasOwn(variables, name)) return variables[name];
  const wanted = name.toLowerCase();
  const key = Object.keys(variables).find((candidate) => candidate.toLowerCase() === wanted);
  return key === undefined ? undefined : variables[key];
}
