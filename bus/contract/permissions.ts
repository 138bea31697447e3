/** Who may publish and hear what: made from the contracts, never written by hand. */

import type { Permissions } from "../carrier/transport.ts";
import { readersOf, SUPERVISOR } from "../contracts/builtin.ts";
import { DISCOVERERS, VERBS } from "../rpc/server/discovery.ts";
import { eventPattern, inboxPrefix, rpcPattern, statePattern } from "../subject.ts";
import type { Contract } from "./contract.ts";

/** The person at the terminal: hears every event and state, asks only where a contract says so. */
export const OPERATOR = "operator";

/**
 * One user's rights. All of them follow from the contracts:
 * a caller may publish the requests that name it, a reader may subscribe to what it may read, an owner serves its own.
 *
 * No subscription grant ends in `*`: nats-server up to 2.9 takes `n.>` for covered by `n.*` and would let the
 * subscriber hear deeper subjects too. `*` in the middle, and anywhere in publish grants, is sound on all brokers.
 */
export function permissionsOf(user: string, contracts: readonly Contract[]): Permissions {
  const publish = new Set<string>();
  const subscribe = new Set<string>([`${inboxPrefix(user)}.>`]);
  for (const contract of contracts) {
    if (contract.name === user) grantOwner(contract, publish, subscribe);
    grantCaller(user, contract, publish);
    grantReader(user, contract, publish, subscribe);
  }
  if (user === SUPERVISOR) publish.add(rpcPattern("*", "*", "health", SUPERVISOR));
  if (DISCOVERERS.includes(user)) publish.add("$SRV.>");
  if (user === SUPERVISOR || user === OPERATOR) {
    subscribe.add("troupe.v1.evt.>").add("troupe.v1.state.>");
  }
  const callsSomebody = [...publish].some((subject) => subject.startsWith("troupe.v1.rpc."));
  if (callsSomebody) subscribe.add(`troupe.v1.blk.${user}.>`);
  return {
    publish: { allow: [...publish].sort(), deny: [] },
    subscribe: { allow: [...subscribe].sort(), deny: [] },
    // Replies, acknowledgements of chunks: one message to the reply subject of each message received.
    allowResponses: 1,
  };
}

/** Everybody that the contracts speak of, with the supervisor and the operator: the users a broker needs. */
export function usersOf(contracts: readonly Contract[]): readonly string[] {
  const users = new Set<string>([SUPERVISOR, OPERATOR]);
  for (const contract of contracts) {
    users.add(contract.name);
    for (const { callers } of Object.values(contract.rpcs)) for (const caller of callers) users.add(caller);
    for (const reader of readersOf(contract)) if (reader !== "*") users.add(reader);
  }
  return [...users].sort();
}

function grantOwner(contract: Contract, publish: Set<string>, subscribe: Set<string>): void {
  const { name } = contract;
  publish.add(`troupe.v1.evt.${name}.>`).add(`troupe.v1.state.${name}.>`);
  subscribe.add(`troupe.v1.rpc.${name}.>`);
  for (const verb of VERBS)
    subscribe.add(`$SRV.${verb}`).add(`$SRV.${verb}.${name}`).add(`$SRV.${verb}.${name}.>`);
  // Large replies go to whoever may ask anything of us.
  const callers = new Set(Object.values(contract.rpcs).flatMap((declaration) => declaration.callers));
  for (const reader of readersOf(contract)) callers.add(reader);
  for (const caller of callers) publish.add(`troupe.v1.blk.${caller}.*`);
}

function grantCaller(user: string, contract: Contract, publish: Set<string>): void {
  for (const [method, { callers }] of Object.entries(contract.rpcs)) {
    if (callers.includes(user)) publish.add(rpcPattern(contract.name, "*", method, user));
  }
}

function grantReader(user: string, contract: Contract, publish: Set<string>, subscribe: Set<string>): void {
  const { name } = contract;
  let readsSome = false;
  for (const [event, { readers, keyed }] of Object.entries(contract.events)) {
    if (readers !== "*" && !readers.includes(user)) continue;
    readsSome = true;
    subscribe.add(keyed ? `${eventPattern(name, "*", event)}.>` : eventPattern(name, "*", event));
  }
  for (const [state, { readers }] of Object.entries(contract.states)) {
    if (readers !== "*" && !readers.includes(user)) continue;
    readsSome = true;
    subscribe.add(statePattern(name, "*", state));
  }
  if (readsSome) publish.add(rpcPattern(name, "*", "snapshot", user));
}
