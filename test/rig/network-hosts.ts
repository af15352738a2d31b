import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A machine of its own as far as the network goes: a network namespace behind a bridge. */
export interface NetworkHost {
  readonly address: string;
  /** What has to stand before a command for it to run there. */
  readonly inside: readonly string[];
}

/** `count` hosts that this machine reaches. Needs root; all is removed when the test ends. */
export async function networkHosts(t: TestContext, count: number): Promise<readonly NetworkHost[]> {
  const id = randomInt(0x1000, 0xffff).toString(16);
  const net = `10.${randomInt(64, 128)}.${randomInt(1, 255)}`;
  const bridge = `ipb${id}`;
  const ip = (...args: readonly string[]): Promise<unknown> => run("ip", args);
  await ip("link", "add", bridge, "type", "bridge");
  t.after(() => ip("link", "del", bridge));
  await ip("addr", "add", `${net}.1/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
  const hosts: NetworkHost[] = [];
  for (let number = 1; number <= count; number += 1) {
    const name = `ip-${id}-${number}`;
    const [outer, inner] = [`ipo${id}${number}`, `ipi${id}${number}`];
    const address = `${net}.${number + 1}`;
    await ip("netns", "add", name);
    t.after(() => ip("netns", "del", name));
    await ip("link", "add", outer, "type", "veth", "peer", "name", inner);
    await ip("link", "set", inner, "netns", name);
    await ip("link", "set", outer, "master", bridge, "up");
    await ip("-n", name, "addr", "add", `${address}/24`, "dev", inner);
    await ip("-n", name, "link", "set", inner, "up");
    // A machine reaches its own address over loopback.
    await ip("-n", name, "link", "set", "lo", "up");
    hosts.push({ address, inside: ["ip", "netns", "exec", name] });
  }
  return hosts;
}
