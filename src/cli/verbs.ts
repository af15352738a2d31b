import type { DefineVerb } from "./verb.ts";

type LoadVerb = () => Promise<DefineVerb>;

const loadPin: LoadVerb = async () => (await import("./pin.ts")).definePin;

/** In the order that --help shows them. Each is loaded where it is wanted: all of them take longer than a verb does. */
const VERBS: Readonly<Record<string, LoadVerb>> = {
  init: async () => (await import("./init.ts")).defineInit,
  deploy: async () => (await import("./deploy.ts")).defineDeploy,
  serve: async () => (await import("./serve.ts")).defineServe,
  supervise: async () => (await import("./supervise.ts")).defineSupervise,
  status: async () => (await import("./status.ts")).defineStatus,
  history: async () => (await import("./history.ts")).defineHistory,
  rollback: async () => (await import("./rollback.ts")).defineRollback,
  promote: async () => (await import("./rollback.ts")).definePromote,
  pin: loadPin,
  unpin: loadPin,
  diff: async () => (await import("./diff.ts")).defineDiff,
  reload: async () => (await import("./reload.ts")).defineReload,
  prune: async () => (await import("./prune.ts")).definePrune,
  wait: async () => (await import("./wait.ts")).defineWait,
  doctor: async () => (await import("./doctor.ts")).defineDoctor,
  unlock: async () => (await import("./unlock.ts")).defineUnlock,
  keygen: async () => (await import("./keygen.ts")).defineKeygen,
  sign: async () => (await import("./sign.ts")).defineSign,
  haproxy: async () => (await import("./haproxy.ts")).defineHaproxy,
  receive: async () => (await import("./receive.ts")).defineReceive,
};

/** Of the verbs those that the command line names, be it as the name of something else. All where it names none, or asks for help first. */
export async function verbsFor(argv: readonly string[]): Promise<readonly DefineVerb[]> {
  const named = Object.entries(VERBS).filter(([name]) => argv.includes(name));
  const forAll = named.length === 0 || ["help", "--help", "-h"].includes(argv[0] ?? "");
  const loads = new Set((forAll ? Object.entries(VERBS) : named).map(([, load]) => load));
  return await Promise.all([...loads].map((load) => load()));
}
