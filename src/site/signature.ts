import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { realpath } from "node:fs/promises";
import { asInplaceError, InplaceError } from "../errors.ts";
import type { SiteLayout } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { readRecord } from "./records.ts";
import { requiredKey } from "./trust/required-key.ts";

const CONTEXT = "inplace-deploy manifest 1";
const KEY_ID_DIGITS = 16;
/** Bytes. */
const LONGEST_KEY = 65_536;

/** Ed25519 (RFC 8032), as PEM: PKCS #8 and SPKI. */
export function generateKeys(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/** The manifest with a signature over its name, commit and content. Throws SIGNING_KEY_INVALID. */
export async function signManifest(manifest: Manifest, keyFile: string): Promise<Manifest> {
  const key = await readKey(keyFile, (pem) => createPrivateKey(pem));
  const value = sign(null, signedBytes(manifest), key).toString("base64");
  return { ...manifest, signature: { key: keyId(createPublicKey(key)), value } };
}

/** Whether this very manifest was signed with the key that belongs to the public key. Throws SIGNING_KEY_INVALID. */
export async function isSigned(manifest: Manifest, publicKeyFile: string): Promise<boolean> {
  return isSound(manifest, await readKey(publicKeyFile, (pem) => createPublicKey(pem)));
}

/** The same for the file of the private key. */
export async function isSignedBy(manifest: Manifest, keyFile: string): Promise<boolean> {
  return isSound(manifest, createPublicKey(await readKey(keyFile, (pem) => createPrivateKey(pem))));
}

function isSound(manifest: Manifest, key: KeyObject): boolean {
  const { signature } = manifest;
  return (
    signature !== undefined &&
    verify(null, signedBytes(manifest), key, Buffer.from(signature.value, "base64"))
  );
}

/**
 * Throws ARTIFACT_UNSIGNED where the site requires a signature that this manifest does not have. configured: the
 * requireSignature that the site is about to get. env: of what is started; default: this process's.
 */
export async function assertSigned(
  layout: SiteLayout,
  artifact: string,
  manifest: Manifest | undefined,
  {
    configured,
    env = process.env,
  }: { readonly configured?: string | undefined; readonly env?: NodeJS.ProcessEnv | undefined } = {},
): Promise<void> {
  const key = await requiredKey(layout, env, configured);
  if (key !== undefined && (manifest === undefined || !(await isSigned(manifest, key))))
    throw unsigned(artifact);
}

/** cause: what keeps its manifest from being read. */
export function unsigned(artifact: string, cause?: unknown): InplaceError {
  const why = cause === undefined ? "" : ` (${asInplaceError(cause).message.replace(/\.$/, "")})`;
  const what = `${artifact} is not signed with the key that this site requires${why}.`;
  return new InplaceError("ARTIFACT_UNSIGNED", what, { cause });
}

async function readKey(file: string, parse: (pem: string) => KeyObject): Promise<KeyObject> {
  try {
    // A device would be read without end.
    const key = parse((await readRecord(await realpath(file), LONGEST_KEY)) ?? "");
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (error) {
    throw new InplaceError("SIGNING_KEY_INVALID", `${file} holds no key that can be read.`, { cause: error });
  }
  throw new InplaceError("SIGNING_KEY_INVALID", `${file} holds a key of another kind than Ed25519.`);
}

function signedBytes({ artifact, kind, size, sha256, commit, builtAt }: Manifest): Buffer {
  return Buffer.from(JSON.stringify([CONTEXT, artifact, kind, size, sha256, commit ?? null, builtAt]));
}

function keyId(key: KeyObject): string {
  const der = key.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, KEY_ID_DIGITS);
}
