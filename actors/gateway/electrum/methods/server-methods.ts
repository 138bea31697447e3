/** The methods about the server itself, and the subscription to its tip. */
import { type Method, method } from "../method.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Notifier } from "../subscriptions/notifier.ts";

/** The ports under which one name of ours is reachable. */
export type ServedPorts = Readonly<
  Partial<Record<"tcp_port" | "ssl_port" | "ws_port" | "wss_port", number | null>>
>;

/** What the door says of itself; read at each question, because the operator may change it. */
export interface ServerFacts {
  banner(): string;
  donationAddress(): string;
  /** By name: what is announced to others. */
  hosts(): Readonly<Record<string, ServedPorts>>;
  readonly software: string;
  readonly protocolMin: string;
  readonly protocolMax: string;
  readonly genesisHash: string;
}

export function serverMethods(facts: ServerFacts, notifier: Notifier): readonly Method[] {
  return [
    method({ name: "server.banner", params: [], cost: 0.5, handle: () => facts.banner() }),
    method({
      name: "server.donation_address",
      params: [],
      cost: 0.1,
      handle: () => facts.donationAddress(),
    }),
    method({ name: "server.features", params: [], cost: 0.2, handle: () => featuresOf(facts) }),
    method({
      name: "blockchain.headers.subscribe",
      params: [],
      cost: 0.25,
      handle: (_, session) => {
        const tip = notifier.subscribeHeaders(session);
        if (tip === undefined) {
          throw new ProtocolError(
            PROTOCOL_CODES.timeout,
            "server busy - the index has no block yet; try again",
          );
        }
        return { hex: tip.header, height: tip.height };
      },
    }),
  ];
}

/** Also what we send to the peers to whom we announce ourselves. */
export function featuresOf(facts: ServerFacts): Readonly<Record<string, unknown>> {
  return {
    hosts: facts.hosts(),
    pruning: null,
    server_version: facts.software,
    protocol_min: facts.protocolMin,
    protocol_max: facts.protocolMax,
    genesis_hash: facts.genesisHash,
    hash_function: "sha256",
  };
}
