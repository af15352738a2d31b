/** What --help shows of a verb in use. Every line is one that a person would type. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  init: [
    "inplace init --check",
    "inplace init --git-hook --site-root /srv/shop",
    "inplace init --systemd --port 8080",
  ],
  deploy: ["inplace deploy", "inplace deploy --wait", "inplace deploy --commit 4be1a9c --json"],
  serve: ["inplace serve", "inplace serve --port 80 --host 0.0.0.0", "inplace serve --strict-iis"],
  supervise: ["inplace supervise --port 8080", "inplace supervise --port 8080 --host 127.0.0.1"],
  reload: ["inplace reload"],
  status: ["inplace status", "inplace status --json"],
  history: ["inplace history", "inplace history --limit 5 --json"],
  rollback: ["inplace rollback", "inplace rollback shop-4be1a9c0de.mjs --yes"],
  promote: ["inplace promote shop-4be1a9c0de.mjs"],
  pin: ["inplace pin shop-4be1a9c0de.mjs"],
  unpin: ["inplace unpin shop-4be1a9c0de.mjs"],
  diff: ["inplace diff shop-4be1a9c0de.mjs shop-99f3b1c2d4.mjs"],
  prune: ["inplace prune --dry-run", "inplace prune --keep 3"],
  wait: ["inplace wait", "inplace wait shop-4be1a9c0de.mjs --timeout 60s"],
  doctor: ["inplace doctor", "inplace doctor --json"],
  unlock: ["inplace unlock"],
  keygen: ["inplace keygen --out ~/.config/inplace"],
  sign: [
    "inplace sign shop-4be1a9c0de.mjs --key ~/keys/inplace.key",
    "inplace sign build/shop-4be1a9c0de --out signed --yes --json",
  ],
  haproxy: ["inplace haproxy up", "inplace haproxy deploy", "inplace haproxy status --json"],
};
