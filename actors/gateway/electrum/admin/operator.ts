/** What the operator asks and orders of the Electrum door, as the gateway's contract has it. */
import type { Handlers } from "../../../../bus/bus.ts";
import type { ElectrumSession, ElectrumStats, gatewayContract } from "../../../../bus/contracts/gateway.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { ELECTRUM_LIMITS } from "../config.ts";
import type { ElectrumDoor } from "../door.ts";
import type { PeerDiscovery } from "../peers/peer-discovery.ts";
import type { Client } from "../sessions/client.ts";
import { networkListOf } from "../sessions/origins/address-group.ts";
import { peerHandlers } from "./peer-operator.ts";

type ElectrumHandlers = Omit<Handlers<typeof gatewayContract>, "doors">;

/** What of the Electrum door is looked after here. */
export interface LookedAfter {
  readonly door: ElectrumDoor;
  readonly peers: PeerDiscovery | undefined;
}

/** `of` gives undefined while no such door is open. */
export function electrumHandlers(of: () => LookedAfter | undefined): ElectrumHandlers {
  const open = (): ElectrumDoor => {
    const door = of()?.door;
    if (door !== undefined) return door;
    throw new TroupeError(
      { code: "GATEWAY_NO_ELECTRUM" },
      "This gateway has no Electrum door. Give it an address in electrum_tls_listen in the section [gateway].",
    );
  };
  return {
    electrumSessions: ({ limit }) => {
      const door = open();
      const nowMs = door.nowMs();
      const all = [...door.clients].map((client) => sessionOf(client, nowMs)).sort((a, b) => b.cost - a.cost);
      return { total: all.length, sessions: all.slice(0, limit) };
    },
    electrumStats: () => statsOf(open()),
    electrumDisconnect: ({ sessions, network, all }) => {
      const door = open();
      const networks = network === undefined ? undefined : networkListOf(network);
      const fits = ({ id, group }: Client) =>
        all || sessions.includes(id) || (networks?.has(group.address) ?? false);
      return { disconnected: door.disconnect(fits) };
    },
    electrumBan: ({ network, minutes }) => {
      const door = open();
      const networks = networkListOf(network);
      const ban = door.bans.ban(network, minutes);
      return { ban, disconnected: door.disconnect(({ group }) => networks.has(group.address)) };
    },
    electrumUnban: ({ network }) => ({ wasBanned: open().bans.unban(network) }),
    electrumBans: () => ({ bans: [...open().bans.all] }),
    ...peerHandlers(() => {
      open();
      return of()?.peers;
    }),
  };
}

function sessionOf(client: Client, nowMs: number): ElectrumSession {
  const { connection } = client;
  const seconds = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  return {
    id: client.id,
    carrier: connection.carrier,
    address: client.group.address,
    client: client.clientName,
    version: client.versionText ?? null,
    ageS: seconds(client.openedAtMs),
    idleS: seconds(connection.heardAtMs),
    requests: client.requests,
    errors: client.errors,
    running: client.running,
    subscriptions: client.subscriptions,
    cost: Math.round(client.cost(nowMs) * 10) / 10,
    receivedBytes: connection.receivedBytes,
    sentBytes: connection.sentBytes,
    unreadBytes: connection.outgoingBytes,
  };
}

function statsOf(door: ElectrumDoor): ElectrumStats {
  const { admission, scheduler, tally, budget, config } = door.parts;
  const byCarrier = door.sessionsByCarrier();
  return {
    uptimeS: Math.floor(door.uptimeMs / 1000),
    sessions: {
      open: [...byCarrier.values()].reduce((sum, count) => sum + count, 0),
      max: admission.totalMax,
      opened: tally.sessionsOpened,
      refused: tally.sessionsRefused,
      byCarrier: Object.fromEntries(byCarrier),
      closed: Object.fromEntries(tally.closed),
    },
    subscriptions: { open: admission.subscriptions, max: config.electrum_subscriptions_max },
    requests: {
      running: scheduler.running,
      errors: Object.fromEntries([...tally.errors].map(([code, count]) => [String(code), count])),
      methods: tally.stats(),
    },
    notifications: tally.notifications,
    receivedBytes: tally.receivedBytes,
    sentBytes: tally.sentBytes,
    buffers: { bytes: budget.usedBytes, max: budget.maxBytes },
    bans: door.bans.all.length,
    limits: {
      ...Object.fromEntries(ELECTRUM_LIMITS.map((key) => [key, config[key]])),
      // The system's limit of open files may allow fewer than were asked for.
      electrum_connections_max: admission.totalMax,
    },
  };
}
