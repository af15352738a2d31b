import { isIPv6 } from "node:net";

export interface ConnectionLimits {
  /** Connections at the same time; a stream of HTTP/2 counts as one, besides the connection that carries it. */
  readonly maxConnections: number;
  /** As many for one address; Infinity: no limit. */
  readonly maxConnectionsPerAddress: number;
}

/** Counts what clients hold open, in all and for each address. */
export class ConnectionCount {
  readonly #limits: ConnectionLimits;
  readonly #ofAddress = new Map<string, number>();
  #all = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Counts one more and gives what takes it off the count again; undefined where that is one too many. */
  take(address: string): (() => void) | undefined {
    const network = networkOf(address);
    const before = this.#ofAddress.get(network) ?? 0;
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (this.#all >= maxConnections || before >= maxConnectionsPerAddress) return undefined;
    this.#all += 1;
    this.#ofAddress.set(network, before + 1);
    let held = true;
    return () => {
      if (held) this.#release(network);
      held = false;
    };
  }

  #release(network: string): void {
    this.#all -= 1;
    const left = (this.#ofAddress.get(network) ?? 0) - 1;
    if (left > 0) this.#ofAddress.set(network, left);
    else this.#ofAddress.delete(network);
  }
}

/** What one visitor has: an IPv4 address, or an IPv6 network of 64 bits, in which a host takes as many addresses as it likes. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [bare = ""] = address.split("%");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined || !isIPv6(bare)) return mapped ?? bare;
  const [head = "", tail] = bare.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...Array.from({ length: zeros }, () => "0"), ...last];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
