import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { asFileError, EXIT, InplaceError } from "../errors.ts";
import { SiteOutput } from "../log/site-output.ts";
import { writeOutput } from "../log/write-line.ts";
import { ACCESS_LOG_FORMATS, type AccessLogFormat } from "../platform/access-log.ts";
import { CertificateRenewal, readCertificate, type CertificateFiles } from "../platform/certificate.ts";
import { startPlatformHandler, type PlatformHandlerOptions } from "../platform/handler.ts";
import { HOLD_LIMITS } from "../platform/hold-queue.ts";
import { DEFAULT_PORT, MAX_CONNECTIONS } from "../platform/listener.ts";
import { MIN_RATE } from "../platform/proxy/pace.ts";
import { onDefect } from "../process/last-resort.ts";
import { defectEvent } from "./defect-event.ts";
import { ServeSuccessor, keeper } from "./serve-successor.ts";
import type { DefineVerb, VerbContext } from "./verb.ts";

interface ServeOptions {
  readonly port?: string;
  readonly host?: string;
  readonly sites?: string;
  readonly strictIis?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly accessLog?: string;
  readonly accessLogFormat: string;
  readonly holdSeconds: string;
  readonly holdRequests: string;
  readonly maxConnections: string;
  readonly maxConnectionsPerAddress?: string;
  readonly maxBody?: string;
  readonly details: boolean;
  readonly minRate: string;
  readonly trustProxy?: readonly string[];
}

export const defineServe: DefineVerb = (program, run) => {
  program
    .command("serve")
    .description("run the site of web.config as IIS's HttpPlatformHandler would")
    .option("--port <number>", `where to listen; 0: any free port (default: PORT, then ${DEFAULT_PORT})`)
    .option("--host <address>", "address to listen on (default: localhost, over IPv4 and IPv6)")
    .option("--sites <folder or file>", "serve several sites: a folder of sites by host name, or a JSON list")
    .option("--strict-iis", "do exactly what IIS does, losses during a swap included")
    .option("--tls-cert <file>", "certificate chain (PEM): clients speak TLS and HTTP/2")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--access-log <file>", "append a line for each request")
    .option("--access-log-format <format>", ACCESS_LOG_FORMATS.join(" or "), ACCESS_LOG_FORMATS[0])
    .option(
      "--hold-seconds <number>",
      "how long a request waits for a process",
      String(HOLD_LIMITS.timeMs / 1000),
    )
    .option("--hold-requests <number>", "how many requests wait at a time", String(HOLD_LIMITS.requests))
    .option("--max-connections <number>", "connections at a time", String(MAX_CONNECTIONS))
    .option(
      "--max-connections-per-address <number>",
      "connections at a time from one address (default: no limit); not where all come through a proxy",
    )
    .option("--max-body <bytes>", "the largest body of a request (default: no limit)")
    .option("--no-details", "show nobody, not even on this machine, what an app wrote before it failed")
    .option(
      "--min-rate <bytes/s>",
      "least rate of a body and of a client that reads; 0: none",
      String(MIN_RATE),
    )
    .option(
      "--trust-proxy <addresses>",
      'proxies whose X-Forwarded-* are believed: addresses, networks or "loopback", separated by commas',
      (text: string, before?: readonly string[]) => [...(before ?? []), ...text.split(",")],
    )
    .action((options: ServeOptions) => run((context) => serve(context, options), { service: true }));
};

/** After a defect of our own, what is in flight may take so long; then, and at most so long, the applications' own stop. */
const DEFECT_DRAIN_MS = 5_000;
const DEFECT_LIMIT_MS = 20_000;

/** Ends on Ctrl+C or SIGTERM, after a graceful stop. After a defect a successor goes on, else it ends with 1. */
async function serve(context: VerbContext, options: ServeOptions) {
  const mine = keeper();
  const files = certificateFiles(context, options);
  const renewal = files && (await CertificateRenewal.of(files));
  const handler = await startPlatformHandler({
    ...(await handlerOptions(context, options)),
    ...(files && { tls: await readCertificate(files) }),
    ...(mine && { inherit: (take) => mine.sockets(take) }),
  });
  mine?.serving();
  renewal?.begin({ renew: (certificate) => handler.renew(certificate), events: context.emit });
  const hungUp = (): void => void renewal?.look();
  if (process.platform !== "win32") process.on("SIGHUP", hungUp);
  let successor: ServeSuccessor | undefined;
  const succeeded = new AbortController();
  // The second signal ends this process at once, and then nobody else would end the application.
  const abandon = (): void => {
    handler.kill();
    successor?.kill();
  };
  process.once("exit", abandon);
  const calm = onDefect({
    report: (error) => context.emit(defectEvent(error)),
    limitMs: DEFECT_LIMIT_MS,
    handOver: async () => {
      const may = successor === undefined && (await handler.mayOverlap());
      const next = may ? await ServeSuccessor.start(handler.sockets) : undefined;
      await handler.stop(DEFECT_DRAIN_MS);
      successor ??= next;
      void next?.exited.then(() => succeeded.abort());
      return next !== undefined;
    },
  });
  try {
    await aborted(AbortSignal.any([context.signal, succeeded.signal, ...(mine ? [mine.signal] : [])]));
    await handler.stop();
    successor?.stop();
    const code = await successor?.exited;
    if (code !== undefined && code !== EXIT.done)
      throw new InplaceError("START_FAILED", "The successor of this handler has ended.");
  } finally {
    process.off("exit", abandon).off("SIGHUP", hungUp);
    renewal?.close();
    mine?.leave();
    calm();
  }
  return { exit: EXIT.done, document: { stopped: true, urls: handler.urls } };
}

/** Throws USAGE. */
function certificateFiles(
  { cwd }: VerbContext,
  { tlsCert, tlsKey }: ServeOptions,
): CertificateFiles | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new InplaceError("USAGE", "--tls-cert and --tls-key belong together.");
  }
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return { certPath: resolve(cwd, tlsCert), keyPath: resolve(cwd, tlsKey) };
}

async function handlerOptions(context: VerbContext, options: ServeOptions): Promise<PlatformHandlerOptions> {
  const { cwd } = context;
  const output = new SiteOutput();
  const { accessLog } = options;
  return {
    ...(options.sites === undefined
      ? { siteRoot: context.site({ mayBeNew: true }).root }
      : { sites: resolve(cwd, options.sites) }),
    port: portOf(options.port, context.env),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(accessLog === undefined
      ? {}
      : {
          accessLog: {
            path: await writableFile(resolve(cwd, accessLog)),
            format: logFormat(options.accessLogFormat),
          },
        }),
    strict: options.strictIis === true,
    hold: {
      timeMs: wholeNumber("--hold-seconds", options.holdSeconds, 3600) * 1000,
      requests: wholeNumber("--hold-requests", options.holdRequests, 1_000_000),
    },
    maxConnections: wholeNumber("--max-connections", options.maxConnections, 1_000_000, 1),
    ...(options.maxConnectionsPerAddress === undefined
      ? {}
      : {
          maxConnectionsPerAddress: wholeNumber(
            "--max-connections-per-address",
            options.maxConnectionsPerAddress,
            1_000_000,
            1,
          ),
        }),
    ...(options.maxBody === undefined
      ? {}
      : { maxBodyBytes: wholeNumber("--max-body", options.maxBody, Number.MAX_SAFE_INTEGER) }),
    minRate: wholeNumber("--min-rate", options.minRate, 1_000_000_000),
    ...(options.trustProxy === undefined ? {} : { trustProxies: options.trustProxy }),
    details: options.details,
    env: context.env,
    events: context.emit,
    onOutput: (chunk, stream, site) => {
      // stdout is for the one document.
      const to = context.json ? "stderr" : stream;
      if (site === undefined) writeOutput(chunk, to);
      else output.write(chunk, to, site);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What is asked for, then the environment, then the default. */
function portOf(asked: string | undefined, { PORT }: NodeJS.ProcessEnv): number {
  if (asked !== undefined) return wholeNumber("--port", asked, 65_535);
  return PORT === undefined || PORT === "" ? DEFAULT_PORT : wholeNumber("PORT", PORT, 65_535);
}

/** Said at the start, and not once the first lines are lost. Throws what keeps it from being written. */
async function writableFile(path: string): Promise<string> {
  try {
    await (await open(path, "a")).close();
    return path;
  } catch (error) {
    throw asFileError(error, path);
  }
}

function wholeNumber(flag: string, text: string, max: number, min = 0): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new InplaceError("USAGE", `${flag} ${text} is not a whole number from ${min} to ${max}.`);
}

function logFormat(text: string): AccessLogFormat {
  const format = ACCESS_LOG_FORMATS.find((known) => known === text);
  if (format !== undefined) return format;
  throw new InplaceError(
    "USAGE",
    `--access-log-format ${text} is neither ${ACCESS_LOG_FORMATS.join(" nor ")}.`,
  );
}
