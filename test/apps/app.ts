/** An app as its own project documents it. In every text VERSION stands for the release: v1, v2 … */
export interface App {
  /** As the table and --only name it. */
  readonly name: string;
  /** From the registry, pinned; the first one's version is the app's. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Those that only its build takes. */
  readonly development?: Readonly<Record<string, string>>;
  /** Installed by Debian; the first one's version is the app's. */
  readonly debian?: readonly string[];
  /** What package.json holds besides the packages; without it and without packages there is no package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, string>>;
  /** What `init` did not find out by itself. It is tried without these first, so the table says only what is needed. */
  readonly configured?: Configured;
  readonly bad: Edit;
  /** What is asked; its answer holds "hello VERSION". Default "/". */
  readonly path?: string;
  /** Takes POST bodies of text here, and answers the same. */
  readonly post?: string;
  readonly tls?: boolean;
  /** Finds key.pem and cert.pem beside its files. */
  readonly certificate?: boolean;
  /** Default: all. */
  readonly fronts?: readonly Front[];
  /** Who comes instead of plain HTTP/1.1 clients. */
  readonly visitor?: "h2" | "websocket" | "socket.io";
  /** Those come too. */
  readonly http1?: boolean;
  /** One of the small ones that cover the kinds in CI. */
  readonly ci?: boolean;
  /** Over 1 GB or three minutes to install. */
  readonly large?: boolean;
  /** An exception, in a line. */
  readonly remark?: string;
}

export interface Configured {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
}

/** How a release is made a bad one: `to` in place of `from`, or before everything else in the file. */
export interface Edit {
  readonly how:
    | "throws at start"
    | "listens elsewhere"
    | "hangs at start"
    | "never answers"
    | "ends at once"
    | "does not build";
  readonly file: string;
  readonly from?: string;
  readonly to: string;
}

export const FRONTS = ["serve", "supervise"] as const;
export type Front = (typeof FRONTS)[number];

export const throwsAtStart = (file: string): Edit => ({
  how: "throws at start",
  file,
  to: 'throw new Error("a bad build");\n',
});

/** For files that the build runs, too, as it does to make pages. */
export const throwsWhereServed = (file: string): Edit => ({
  how: "throws at start",
  file,
  to: 'if (process.env.PORT) throw new Error("a bad build");\n',
});

export const listensElsewhere = (file: string, from: string, to = "0"): Edit => ({
  how: "listens elsewhere",
  file,
  from,
  to,
});

export const endsAtOnce = (file: string, to: string): Edit => ({ how: "ends at once", file, to });

/** The files of one release, and others that init wrote; a bad one is edited. */
export function releaseOf(
  app: App,
  version: string,
  bad: boolean,
  written: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const files = { ...app.files, ...written };
  const texts = Object.entries(files).map(([path, text]): [string, string] => [
    path,
    edited(path, text, bad ? app.bad : undefined).replaceAll("VERSION", version),
  ]);
  if (bad && files[app.bad.file] === undefined) throw new Error(`${app.name} has no ${app.bad.file}`);
  return Object.fromEntries(texts);
}

function edited(path: string, text: string, edit: Edit | undefined): string {
  if (edit === undefined || edit.file !== path) return text;
  if (edit.from === undefined)
    return text.startsWith("#!") ? text.replace("\n", `\n${edit.to}`) : edit.to + text;
  if (!text.includes(edit.from)) throw new Error(`${path} does not hold ${edit.from}`);
  return text.replace(edit.from, edit.to);
}

/** The configuration of a folder that is deployed whole, with its production packages. */
export function wholeFolder(what: string, build: Readonly<Record<string, unknown>> = {}): Configured {
  return configured(what, { builder: "directory", directory: ".", ...build });
}

export function configured(
  what: string,
  build: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = {},
): Configured {
  return { what, files: { ...files, "inplace.config.json": `${JSON.stringify({ build }, undefined, 2)}\n` } };
}
