/** The methods about other servers: whom we know, and the wish of a server to be known. */
import { type Method, method, required } from "../method.ts";
import type { PeerTuple } from "../peers/peer.ts";

/** What the door knows of other servers. */
export interface KnownPeers {
  told(viaTor: boolean): readonly PeerTuple[];
  /** Whether it is going to be looked at. `from`: the address that asks; undefined when it has none. */
  ask(features: unknown, from: string | undefined): Promise<boolean>;
}

/** Undefined: the operator wants to know of no other servers, so nobody is told of any and none is taken in. */
export function peerMethods(peers: KnownPeers | undefined): readonly Method[] {
  return [
    method({
      name: "server.peers.subscribe",
      params: [],
      cost: 1,
      handle: (_, session) => peers?.told(session.isViaTor) ?? [],
    }),
    method({
      name: "server.add_peer",
      params: [required("features", (given) => given)],
      cost: 100,
      handle: ([features], session) => peers?.ask(features, session.address) ?? false,
    }),
  ];
}
