/** What the operator asks and orders about other Electrum servers, and the instruments that show how they do. */
import type { Meter } from "@opentelemetry/api";
import type { Handlers } from "../../../../bus/bus.ts";
import type { ElectrumPeer, gatewayContract } from "../../../../bus/contracts/gateway.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import type { PeerDiscovery } from "../peers/peer-discovery.ts";
import { hostOf } from "../peers/peer-host.ts";
import type { Slot } from "../peers/peer-list.ts";

type PeerHandlers = Pick<
  Handlers<typeof gatewayContract>,
  "electrumPeers" | "electrumAddPeer" | "electrumForgetPeer"
>;

/** `of` gives undefined when no servers are looked for. */
export function peerHandlers(of: () => PeerDiscovery | undefined): PeerHandlers {
  const searching = (): PeerDiscovery => {
    const peers = of();
    if (peers !== undefined) return peers;
    throw new TroupeError(
      { code: "GATEWAY_PEERS_OFF" },
      'This gateway looks for no other Electrum servers. Set electrum_peers in the section [gateway] to "find" or "announce".',
    );
  };
  return {
    electrumPeers: () => {
      const peers = of();
      if (peers === undefined) return { mode: "off", peers: [], asked: { accepted: 0, refused: 0 } };
      const { accepted, refused } = peers.requests;
      return { mode: peers.mode, peers: shown(peers), asked: { accepted, refused } };
    },
    electrumAddPeer: ({ peer }) => {
      const slot = searching().add(peer);
      if (slot !== undefined) return { host: slot.peer.host.text };
      const given = peer.slice(0, 100);
      throw new TroupeError(
        { code: "GATEWAY_BAD_PEER", given },
        `"${given}" names no Electrum server that could be reached. Write it like: electrum.example.org s50002 t50001, with s for TLS and t for plain TCP; onion services need socks in the section [tor].`,
      );
    },
    electrumForgetPeer: ({ host }) => ({
      wasKnown: searching().list.forget(hostOf(host)?.text ?? host),
    }),
  };
}

const ORDER: readonly ElectrumPeer["state"][] = ["good", "stale", "new", "unreachable", "bad"];

function shown(peers: PeerDiscovery): ElectrumPeer[] {
  const nowMs = peers.nowMs();
  const rank = ({ state, source }: ElectrumPeer) => (source === "self" ? -1 : ORDER.indexOf(state));
  return peers.list.slots
    .map((slot) => peerOf(peers, slot, nowMs))
    .sort((a, b) => rank(a) - rank(b) || (b.lastGoodMs ?? 0) - (a.lastGoodMs ?? 0));
}

function peerOf({ list }: PeerDiscovery, { peer, dueMs }: Slot, nowMs: number): ElectrumPeer {
  const { host, ports, address, reason, source, lastGoodMs, lastTryMs, failures, protocolMax, software } =
    peer;
  return {
    host: host.text,
    tcpPort: ports.tcp,
    tlsPort: ports.tls,
    address,
    state: list.stateOf(peer),
    reason,
    source,
    lastGoodMs,
    lastTryMs,
    nextTryS: Math.max(0, Math.ceil((dueMs - nowMs) / 1000)),
    failures,
    protocolMax,
    software,
  };
}

export function observePeers(meter: Meter, peers: PeerDiscovery): void {
  meter
    .createObservableGauge("troupe_gateway_electrum_peers", {
      description: "Other Electrum servers that are known, by what was found of them.",
    })
    .addCallback((result) => {
      const counts = new Map<string, number>(ORDER.map((state) => [state, 0]));
      for (const { peer } of peers.list.slots) {
        const state = peers.list.stateOf(peer);
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      for (const [state, count] of counts) result.observe(count, { state });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_peer_checks_total", {
      description: "Looks at other Electrum servers, by what was found.",
    })
    .addCallback((result) => {
      for (const [found, count] of Object.entries(peers.checks)) result.observe(count, { found });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_add_peer_total", {
      description: "Servers that asked to be listed, by the answer.",
    })
    .addCallback((result) => {
      result.observe(peers.requests.accepted, { answer: "accepted" });
      result.observe(peers.requests.refused, { answer: "refused" });
    });
}
