import { InplaceError } from "../errors.ts";

/** Where somebody listens, as people write it: IPv6 in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Why nobody can listen there: PORT_IN_USE, or ACCESS_DENIED where the account may not (never on Windows). undefined: for another reason. */
export function listenError(
  code: string | undefined,
  { host, port }: { readonly host: string; readonly port: number },
  cause?: unknown,
): InplaceError | undefined {
  const where = addressOf(host, port);
  if (code === "EADDRINUSE")
    return new InplaceError("PORT_IN_USE", `Another program already listens on ${where}.`, { cause });
  if (code !== "EACCES") return undefined;
  // There it is no question of the account: netsh lists the ranges that Hyper-V and others have set aside.
  if (process.platform === "win32")
    return new InplaceError("PORT_IN_USE", `Windows keeps ${where} for another program.`, {
      hint: "Choose another port; netsh int ipv4 show excludedportrange protocol=tcp lists those that are set aside.",
      cause,
    });
  return new InplaceError("ACCESS_DENIED", `This account may not listen on ${where}.`, {
    hint: "Choose a port from 1024 on (--port, or PORT) behind a front, or let systemd open it: inplace-deploy init --systemd.",
    cause,
  });
}
