import { connect } from "node:net";
import { InplaceError } from "../../errors.ts";

/** One command is answered in far less. */
export const COMMAND_LIMIT_MS = 5_000;
// What could end a command and begin another never gets into one.
const SAFE_NAME = /^[A-Za-z0-9_:.-]+$/;

export interface ServerStat {
  readonly name: string;
  /** As HAProxy words it: "UP", "DOWN", "DRAIN", "MAINT", "UP 1/3"… */
  readonly status: string;
  /** Requests it has now, and requests waiting for it. */
  readonly sessions: number;
  readonly queued: number;
  /** What the last health check said. */
  readonly lastCheck: string;
}

/** HAProxy's runtime API on its Unix socket. https://docs.haproxy.org/2.6/management.html#9.3 */
export class RuntimeApi {
  readonly #socket: string;
  readonly #backend: string;

  constructor(socket: string, backend: string) {
    this.#socket = socket;
    this.#backend = safe(backend);
  }

  /** Pid of the process that answers and its version. Throws HAPROXY_UNREACHABLE. */
  async info(): Promise<{ readonly pid: number; readonly version: string }> {
    const text = await this.#command("show info");
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
    return { pid: Number(field("Pid")), version: field("Version") };
  }

  /** The backend's servers by name. */
  async servers(): Promise<ReadonlyMap<string, ServerStat>> {
    const rows = parseCsv(await this.#command("show stat"));
    const own = rows.filter((row) => row["pxname"] === this.#backend && row["type"] === SERVER_ROW);
    return new Map(own.map((row) => [row["svname"] ?? "", serverStat(row)]));
  }

  /** Connections to the server that carry a request now. */
  async connections(server: string): Promise<number> {
    const text = await this.#command(`show servers conn ${this.#backend}`);
    const [head = "", ...rows] = text.split("\n").filter((line) => line.trim() !== "");
    const column = head.replace(/^#\s*/, "").split(/\s+/).indexOf("used_cur");
    const row = rows.find((line) => line.startsWith(`${this.#backend}/${server} `));
    return Number(row?.split(/\s+/)[column] ?? 0);
  }

  /** ready: as its health says; drain: only what it has already; maint: nothing, not even checks. */
  async setState(server: string, state: "ready" | "drain" | "maint"): Promise<void> {
    await this.#change(`set server ${this.#backend}/${safe(server)} state ${state}`);
  }

  /** Ready, but down until HAProxy's own check has passed: leaving maintenance counts as up otherwise. */
  async setReadyUnproven(server: string): Promise<void> {
    const name = `${this.#backend}/${safe(server)}`;
    await this.#change(`set server ${name} state ready; set server ${name} health down`);
  }

  async #change(command: string): Promise<void> {
    const answer = (await this.#command(command)).trim();
    if (answer !== "") throw new InplaceError("HAPROXY_REFUSED", `HAProxy refused "${command}": ${answer}`);
  }

  #command(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#socket);
      let answer = "";
      const fail = (why: string, cause?: unknown): void => {
        socket.destroy();
        const what = `HAProxy does not answer at ${this.#socket}: ${why}.`;
        reject(new InplaceError("HAPROXY_UNREACHABLE", what, { cause }));
      };
      socket.setTimeout(COMMAND_LIMIT_MS, () => fail(`nothing in ${COMMAND_LIMIT_MS} ms`));
      socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
      socket.once("error", (error) => fail(error.message, error));
      socket.once("end", () => resolve(answer));
      socket.end(`${text}\n`);
    });
  }
}

const SERVER_ROW = "2";

function serverStat(row: Readonly<Record<string, string>>): ServerStat {
  return {
    name: row["svname"] ?? "",
    status: row["status"] ?? "",
    sessions: Number(row["scur"] ?? 0),
    queued: Number(row["qcur"] ?? 0),
    lastCheck: [row["check_status"], row["check_code"], row["last_chk"]].filter(Boolean).join(" "),
  };
}

function parseCsv(text: string): Record<string, string>[] {
  const [head = "", ...rows] = text.split("\n").filter((line) => line.trim() !== "");
  const names = head.replace(/^#\s*/, "").split(",");
  // Only the last columns are ever quoted, and none of those is read.
  return rows.map((row) => Object.fromEntries(row.split(",").map((value, index) => [names[index], value])));
}

function safe(name: string): string {
  if (!SAFE_NAME.test(name)) throw new InplaceError("CONFIG_INVALID", `HAProxy takes no such name: ${name}.`);
  return name;
}
