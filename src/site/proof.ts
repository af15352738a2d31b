/** So long a release has to stay up where visitors come before it counts as good, milliseconds: an answer alone proves nothing. */
export const PROOF_UPTIME_MS = 2_000;
