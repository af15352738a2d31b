/**
 * Environments over one another, the last one wins; undefined takes a variable away. Windows knows no case: where Path and PATH
 * were both there, Node would pass on the first by order.
 */
export function mergedEnvironment(
  parts: readonly NodeJS.ProcessEnv[],
  platform: NodeJS.Platform = process.platform,
): NodeJS.ProcessEnv {
  const merged = new Map<string, readonly [name: string, value: string | undefined]>();
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const key = platform === "win32" ? name.toUpperCase() : name;
      merged.set(key, [merged.get(key)?.[0] ?? name, value]);
    }
  }
  return Object.fromEntries(merged.values());
}
