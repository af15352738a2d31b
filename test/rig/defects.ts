import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const LOOK_MS = 10;

/** Makes processes throw what nobody catches. */
export interface Defects {
  /** For whoever starts them; it is passed on to what they start. */
  readonly env: NodeJS.ProcessEnv;
  /** Makes the process throw so often, in turns of its event loop of their own. */
  cause(pid: number, times?: number): Promise<void>;
}

/** A preloaded module looks for the order in a folder that must outlive the processes. */
export async function defects(folder: string): Promise<Defects> {
  const module = join(folder, "defects.mjs");
  const order = join(folder, "defect-");
  await writeFile(
    module,
    `import { existsSync, readFileSync, rmSync } from "node:fs";
    const order = ${JSON.stringify(order)} + process.pid;
    const looking = setInterval(() => {
      if (!existsSync(order)) return;
      const times = Number(readFileSync(order, "utf8"));
      rmSync(order);
      for (let time = 0; time < times; time += 1)
        setImmediate(() => { throw new TypeError("a defect that a test causes"); });
    }, ${LOOK_MS});
    looking.unref();`,
  );
  return {
    env: { NODE_OPTIONS: `--import ${pathToFileURL(module).href}` },
    async cause(pid, times = 1) {
      await writeFile(`${order}${pid}.aside`, String(times));
      await rename(`${order}${pid}.aside`, order + pid); // Never seen half written.
    },
  };
}
