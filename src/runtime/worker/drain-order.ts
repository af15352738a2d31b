export interface DrainOrder {
  /** Milliseconds. */
  readonly deadlineMs: number;
  /** Nobody else accepts from this socket any more: what waits in its queue is ours. */
  readonly last: boolean;
}

/** What became of the visitors of one drain. */
export interface VisitorsDrained {
  /** Requests answered from the beginning of the drain on. */
  readonly served: number;
  /** Connections that the deadline ended. */
  readonly cut: number;
}

export const NOTHING_DRAINED: VisitorsDrained = { served: 0, cut: 0 };

export function sumOf(drains: readonly VisitorsDrained[]): VisitorsDrained {
  return drains.reduce(
    (sum, { served, cut }) => ({ served: sum.served + served, cut: sum.cut + cut }),
    NOTHING_DRAINED,
  );
}
