import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { asInplaceError, InplaceError, systemCode } from "../errors.ts";
import type { EventSink, PlatformEvent } from "../events.ts";
import { FileWatch, settled } from "./file-watch.ts";

/** Absolute paths of PEM files. */
export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws USAGE where TLS cannot be spoken with them. */
export async function readCertificate({ certPath, keyPath }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readPem(certPath), readPem(keyPath)]);
  try {
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const what = `${certPath} and ${keyPath} are no certificate and its key: ${why}.`;
    throw new InplaceError("USAGE", what, {
      cause,
      hint: "--tls-cert takes the certificate and those that signed it, --tls-key its private key without a passphrase, as PEM.",
    });
  }
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new InplaceError("USAGE", `${path} cannot be read: ${systemCode(cause) ?? String(cause)}.`, {
      cause,
    });
  }
}

interface RenewalOptions {
  /** Takes a certificate that can be used. */
  readonly renew: (certificate: Certificate) => void;
  readonly events: EventSink<PlatformEvent>;
}

/** Reads a certificate, and anew when one of its files changes, or when asked to; one that cannot be used changes nothing, and is told. */
export class CertificateRenewal {
  readonly #files: CertificateFiles;
  readonly #watch: FileWatch;
  #options: RenewalOptions | undefined;

  private constructor(files: CertificateFiles, watch: FileWatch) {
    this.#files = files;
    this.#watch = watch;
  }

  /** Changes count from before `certificate` is read for the first time. */
  static async of(files: CertificateFiles): Promise<CertificateRenewal> {
    return new CertificateRenewal(files, await FileWatch.of([files.certPath, files.keyPath]));
  }

  begin(options: RenewalOptions): void {
    this.#options = options;
    this.#watch.begin(() => this.look());
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#options === undefined) return;
    const { renew, events } = this.#options;
    try {
      // Of the two files one is replaced after the other.
      renew(await settled(() => readCertificate(this.#files)));
      events({ type: "certificate-renewed", path: this.#files.certPath });
    } catch (error) {
      events({ type: "certificate-refused", problem: asInplaceError(error).message });
    }
  }

  close(): void {
    this.#watch.close();
  }
}
