import { BlockList, isIP } from "node:net";
import { InplaceError } from "../../errors.ts";

/** Proxies whose word about their clients is believed. */
export interface TrustedProxies {
  has(address: string): boolean;
}

/** Addresses, networks as 10.0.0.0/8, or "loopback". Throws USAGE. */
export function trustedProxies(names: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const name of names) add(list, name);
  return {
    has: (address) => {
      if (names.length === 0) return false;
      const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
      return isIP(plain) !== 0 && list.check(plain, family(plain));
    },
  };
}

function add(list: BlockList, name: string): void {
  if (name === "loopback") {
    list.addSubnet("127.0.0.0", 8, "ipv4");
    list.addAddress("::1", "ipv6");
    return;
  }
  const [, address = "", bits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(name) ?? [];
  const most = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || Number(bits ?? 0) > most) {
    throw new InplaceError(
      "USAGE",
      `--trust-proxy ${name} is neither an address, nor a network as 10.0.0.0/8, nor "loopback".`,
    );
  }
  list.addSubnet(address, Number(bits ?? most), family(address));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}
