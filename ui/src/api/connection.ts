import { useSyncExternalStore } from "react";

/** Whether the server answered the latest request, and since when it does not. */
export interface Connection {
  reachable: boolean;
  /** Unix milliseconds of the first failure in a row. */
  lostAt: number | undefined;
}

let current: Connection = { reachable: true, lostAt: undefined };
const listeners = new Set<() => void>();

function change(next: Connection) {
  current = next;
  for (const listener of listeners) listener();
}

/** Called by the fetch layer, never by components. */
export function reportReachable(): void {
  if (!current.reachable) change({ reachable: true, lostAt: undefined });
}

/** Called by the fetch layer, never by components. */
export function reportUnreachable(): void {
  if (current.reachable) change({ reachable: false, lostAt: Date.now() });
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
