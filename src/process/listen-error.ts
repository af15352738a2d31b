import { InplaceError } from "../errors.ts";

/** Where somebody listens, as people write it: IPv6 in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Why nobody can listen there: PORT_IN_USE, or ACCESS_DENIED where the account may not. undefined: for another reason. */
export function listenError(
  code: string | undefined,
  { host, port }: { readonly host: string; readonly port: number },
  cause?: unknown,
): InplaceError | undefined {
  const where = addressOf(host, port);
  if (code === "EADDRINUSE")
    return new InplaceError("PORT_IN_USE", `Another program already listens on ${where}.`, { cause });
  if (code !== "EACCES") return undefined;
  return new InplaceError("ACCESS_DENIED", `This account may not listen on ${where}.`, {
    hint: "Choose a port from 1024 on (--port, or PORT) behind a front, or let systemd open it: inplace-deploy init --systemd.",
    cause,
  });
}
