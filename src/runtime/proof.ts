import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** An app that listens and stays up for this long is good, milliseconds. */
export const PROOF_MS = 2_000;
const FIRST_SERVER_ERROR = 500;
// https://nodejs.org/api/diagnostics_channel.html#http: spares a listener on every server and on every request.
const RESPONSE_FINISHED = "http.server.response.finish";

/** Calls back once when the app has proved itself: it finished a response below 500, or it stayed up. Call when it listens. */
export function whenProven(proven: () => void): void {
  const finish = (): void => {
    clearTimeout(timer);
    unsubscribe(RESPONSE_FINISHED, look);
    proven();
  };
  const look = (message: unknown): void => {
    const { response } = message as { readonly response?: { readonly statusCode?: number } };
    if ((response?.statusCode ?? FIRST_SERVER_ERROR) < FIRST_SERVER_ERROR) finish();
  };
  const timer = setTimeout(finish, PROOF_MS).unref();
  subscribe(RESPONSE_FINISHED, look);
}
