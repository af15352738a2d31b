import type { Exchange } from "../exchange.ts";
import type { BodyScanner } from "../http1/body.ts";

/** What a client connection of HTTP/1 is about. */
export type ClientState =
  /** `begun`: a part of the next head has come. */
  | { readonly kind: "head"; readonly begun: boolean }
  | { readonly kind: "body"; readonly exchange: Exchange; readonly scanner: BodyScanner }
  /** The request is complete; bytes behind it wait for their turn. */
  | { readonly kind: "busy"; readonly exchange: Exchange }
  | { readonly kind: "spliced"; readonly exchange: Exchange }
  /** Everything is answered; what the client still sends is thrown away. */
  | { readonly kind: "lingering" }
  | { readonly kind: "closed" };

export const IDLE: ClientState = { kind: "head", begun: false };
export const BEGUN: ClientState = { kind: "head", begun: true };
export const LINGERING: ClientState = { kind: "lingering" };
export const CLOSED: ClientState = { kind: "closed" };
