/** This environment without what npm run and the test runner put into it, so that programs find what a user's find. */
export function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|node|execpath)|INIT_CWD|NODE_TEST|NODE_OPTIONS|PORT$)/.test(name),
  );
  return { ...Object.fromEntries(own), ...extra };
}
