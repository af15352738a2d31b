/** When a supervised worker counts as healthy. Times in milliseconds. */
export interface HealthConfig {
  /** Begins with "/". */
  readonly path: string;
  /** Default: any from 200 to 399. */
  readonly status?: number;
  /** Has to be found in the body. */
  readonly body?: string;
  /** So many good answers one after the other. Default 1. */
  readonly count?: number;
  /** One answer may take this long. Default 5,000. */
  readonly answerMs?: number;
  /** Between two looks while proving. Default 50. */
  readonly intervalMs?: number;
}

/** How `inplace supervise` goes from one release to the next. Times in milliseconds. */
export interface SuperviseConfig {
  /** The host that checks ask for; from the site's configuration. Default "localhost". */
  readonly host?: string;
  /** Default 1. */
  readonly workers?: number;
  /** Default: a worker is ready when it answers GET / with any status but 503; see proof. */
  readonly health?: HealthConfig;
  /** The app says itself when it is ready. Default false. */
  readonly explicitReady?: boolean;
  /** What makes a worker ready where no health is asked for. "listen" is for apps that must not be asked. Default "answer". */
  readonly proof?: "answer" | "listen";
  /** From start to ready. Default 30,000. */
  readonly readyMs?: number;
  /** How long the old worker stays parked. Default 10,000; 0: none. */
  readonly probationMs?: number;
  /** Default 30,000. */
  readonly drainMs?: number;
  /** "spliced": the supervisor accepts and passes every byte on. "held": workers accept from its socket. Default: "held", on Windows "spliced". */
  readonly front?: "held" | "spliced";
  /** How programs that are not Node programs get their visitors. Default "private-port". */
  readonly socket?: "private-port" | "inherit";
}
