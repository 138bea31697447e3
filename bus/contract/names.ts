/** What a contract may not say: names that are no subject tokens, names the bus keeps for itself, numbers that make no sense. */
import { eventSubject, rpcSubject, stateSubject } from "../subject.ts";

/** Every served contract answers these by itself. */
export const RESERVED_METHODS: readonly string[] = Object.freeze(["health", "snapshot"]);

/** A broker forgets after two minutes that a request may be answered. */
export const DEADLINE_MS_MAX = 110_000;

interface RpcNumbers {
  readonly deadlineMs: number;
  readonly callers: readonly string[];
  readonly concurrency?: number;
  readonly queue?: number;
  readonly requestBytesMax?: number;
  readonly replyBytesMax?: number;
}

/** All of these throw: a contract is written by a programmer and read once, at start. */
export function checkContractName(name: string): void {
  rpcSubject(name, "any", "x", "x");
}

export function checkDeclaredRpc(contract: string, method: string, declaration: RpcNumbers): void {
  for (const caller of declaration.callers) rpcSubject(contract, "any", method, caller);
  rpcSubject(contract, "any", method, "x");
  const { deadlineMs, concurrency = 1, queue = 0, requestBytesMax = 1, replyBytesMax = 1 } = declaration;
  for (const [what, value] of Object.entries({ deadlineMs, concurrency, requestBytesMax, replyBytesMax })) {
    if (!Number.isSafeInteger(value) || value < 1)
      refuse(contract, method, `${what} must be a whole number above 0`);
  }
  if (deadlineMs > DEADLINE_MS_MAX) refuse(contract, method, `deadlineMs must be at most ${DEADLINE_MS_MAX}`);
  if (RESERVED_METHODS.includes(method)) refuse(contract, method, "every contract answers it already");
  if (!Number.isSafeInteger(queue) || queue < 0) refuse(contract, method, "queue must be a whole number");
}

/**
 * A keyed event's readers are granted `evt.<actor>.*.<event>.>`, so no other event of the
 * contract may begin with its name and a dot: its readers would hear that one too.
 */
export function checkDeclaredEvent(
  contract: string,
  events: Readonly<Record<string, { readonly keyed?: boolean }>>,
  event: string,
  keyed: boolean,
): void {
  eventSubject(contract, "any", event);
  for (const [other, declaration] of Object.entries(events)) {
    const below =
      (declaration.keyed === true && event.startsWith(`${other}.`)) ||
      (keyed && other.startsWith(`${event}.`));
    if (below) refuse(contract, event, `it and "${other}" share a prefix and one of them is keyed`);
  }
}

export function checkDeclaredState(contract: string, state: string): void {
  stateSubject(contract, "any", state);
}

function refuse(contract: string, name: string, why: string): never {
  throw new Error(`contract "${contract}" declares "${name}" wrongly: ${why}`);
}
