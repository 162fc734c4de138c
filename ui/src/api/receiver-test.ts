import { useMutation } from "@tanstack/react-query";
import { fetchData } from "./client.ts";

/** What became of one attempt to tell a receiver's integration. */
export interface Trial {
  integration: string;
  tells: "firing" | "resolved";
  outcome: "delivered" | "retry" | "dead";
  status: number | null;
  error: string | null;
  seconds: number;
  /** Exactly what went over the wire, without its secrets. */
  exchanges: { sent: string; answered: string }[];
}

export interface ReceiverTest {
  receiver: string;
  delivered: boolean;
  trials: Trial[];
}

/** Really sends: whoever the receiver tells is told. */
export function useReceiverTest(receiver: string) {
  return useMutation({
    mutationFn: ({ resolve }: { resolve: boolean }) =>
      fetchData<ReceiverTest>("api/v1/receivers/test", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ receiver, resolve }) }),
  });
}
