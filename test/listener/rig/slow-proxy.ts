import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** A TCP proxy that can stop reading from the server, as a slow network does. */
export async function slowProxy(
  t: TestContext,
  port: number,
): Promise<{ port: number; pause(): void; resume(): void }> {
  const backs: Socket[] = [];
  const fronts: Socket[] = [];
  const proxy = createServer((front) => {
    const back = connect(port, "127.0.0.1");
    backs.push(back);
    fronts.push(front);
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      from.on("data", (chunk: Buffer) => to.write(chunk));
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of [...fronts, ...backs]) socket.destroy();
    proxy.close();
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    pause: () => backs.forEach((back) => back.pause()),
    resume: () => backs.forEach((back) => back.resume()),
  };
}
