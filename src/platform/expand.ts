/** Replaces %NAME% by the variable, as Windows does: without case, and what is unknown stays as it stands. */
export function expandVariables(text: string, variables: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%=\s]+)%/g, (whole, name: string) => lookUp(variables, name) ?? whole);
}

function lookUp(variables: NodeJS.ProcessEnv, name: string): string | undefined {
  const exact = variables[name];
  if (exact !== undefined) return exact;
  const wanted = name.toLowerCase();
  const key = Object.keys(variables).find((candidate) => candidate.toLowerCase() === wanted);
  return key === undefined ? undefined : variables[key];
}
