/** Both halves of the Electrum door, started and stopped together. Wiring only. */
import { join } from "node:path";
import { type Network, networkByName } from "../../../bitcoin/network.ts";
import type { ActorContext } from "../../../bus/actor.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import { type HostPort, parseHostPort } from "../../../runtime/config/config-values.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { OnionService } from "../../../runtime/tor/onion-service.ts";
import { observePeers } from "./admin/peer-operator.ts";
import type { ElectrumConfig } from "./config.ts";
import { ElectrumDoor } from "./door.ts";
import { PROTOCOL_RANGE, serverFacts } from "./facts.ts";
import { InnerHalf } from "./inner-half.ts";
import { featuresOf, type ServerFacts } from "./methods/server-methods.ts";
import { candidatesOf } from "./peers/peer.ts";
import { peerDial } from "./peers/peer-dial.ts";
import { PeerDiscovery } from "./peers/peer-discovery.ts";
import { SystemNames } from "./peers/peer-names.ts";
import { PEER_SEEDS } from "./peers/peer-seeds.ts";

/** What wallets expect behind an onion address. */
const ONION_PORT = 50_001;

/** Tor's ports, as far as the operator has named them. */
export interface TorPorts {
  /** For an onion service. */
  readonly control: HostPort | undefined;
  /** For the way to those of others. */
  readonly socks: HostPort | undefined;
}

export class Electrum {
  readonly door: ElectrumDoor;
  /** Undefined: no other servers are looked for. */
  readonly peers: PeerDiscovery | undefined = undefined;
  readonly #inner: InnerHalf;
  readonly #context: ActorContext<ElectrumConfig>;
  readonly #tor: TorPorts;
  readonly #changed: () => void;
  #onion: OnionService | undefined;
  #doors: readonly Door[] = [];
  #onionDoor: Door | undefined;

  /** `changed` is called when the doors are others than they were. Throws `GATEWAY_TOR_UNSET`. */
  constructor(context: ActorContext<ElectrumConfig>, tor: TorPorts, changed: () => void) {
    const { bus, clock, log, meter, config, dataDirectory } = context;
    this.#context = context;
    this.#tor = tor;
    this.#changed = changed;
    const software = `Troupe ${context.version}`;
    const network = networkByName(context.network);
    const facts = serverFacts({ config, network, software, doors: () => this.doors });
    this.#inner = new InnerHalf({
      bus,
      clock,
      log,
      network,
      facts,
      historyMax: config.electrum_history_max,
    });
    if (config.electrum_peers !== "off") this.peers = this.#discovery(facts, network, config.electrum_peers);
    if (this.peers !== undefined) observePeers(meter, this.peers);
    this.door = new ElectrumDoor({
      config,
      protocol: this.#inner,
      peers: this.peers,
      software,
      range: PROTOCOL_RANGE,
      directory: dataDirectory,
      clock,
      meter,
      log,
    });
  }

  /** Whether the configuration asks for any such door. */
  static isWanted(config: ElectrumConfig): boolean {
    const { electrum_tcp_listen, electrum_tls_listen, electrum_ws_listen, electrum_wss_listen } = config;
    const listens = [electrum_tcp_listen, electrum_tls_listen, electrum_ws_listen, electrum_wss_listen];
    return (
      listens.some((text) => text !== "") ||
      config.electrum_unix_socket !== undefined ||
      config.electrum_onion
    );
  }

  /** Those that are open now. */
  get doors(): readonly Door[] {
    return this.#onionDoor === undefined ? this.#doors : [...this.#doors, this.#onionDoor];
  }

  /** The chain's news before the first client, who might subscribe at once. */
  async open(): Promise<void> {
    await this.#inner.start();
    this.#doors = await this.door.open();
    if (this.#context.config.electrum_onion) await this.#openOnion();
    // The last, because what they are told of is open now.
    this.peers?.start();
  }

  #discovery(facts: ServerFacts, network: Network, mode: "find" | "announce"): PeerDiscovery {
    const { clock, log, config, dataDirectory } = this.#context;
    const { socks } = this.#tor;
    const { electrum_peers_only_by_tor: isOnlyByTor } = config;
    if (isOnlyByTor && socks === undefined) {
      throw new TroupeError(
        { code: "GATEWAY_TOR_UNSET" },
        "electrum_peers_only_by_tor in the section [gateway] needs Tor's SOCKS port. Set socks in the section [tor], such as 127.0.0.1:9050.",
      );
    }
    const listening = [config.electrum_tls_listen, config.electrum_tcp_listen].map(
      (text) => parseHostPort(text)?.host ?? "",
    );
    const announced = () => {
      const { hosts, genesisHash: genesis_hash } = facts;
      const own = candidatesOf({ hosts: hosts(), genesis_hash, pruning: null });
      const isOnion = (kind: string) => kind === "onion";
      return [
        ...own.filter(({ host }) => !isOnion(host.kind)).slice(0, 1),
        ...own.filter(({ host }) => isOnion(host.kind)),
      ];
    };
    return new PeerDiscovery({
      mode,
      dial: peerDial({ socks, listening }),
      names: new SystemNames(),
      chain: {
        tip: () => (this.#inner.feed.isSynced ? this.#inner.feed.tip : undefined),
        headerAt: (height) => this.#inner.headers.at(height),
      },
      clock,
      log,
      random: Math.random,
      directory: dataDirectory,
      genesisHash: facts.genesisHash,
      software: facts.software,
      range: PROTOCOL_RANGE,
      defaultPorts: { tcp: network.ports.electrumTcp, tls: network.ports.electrumTls },
      seeds: config.electrum_peer_seeds ?? PEER_SEEDS[network.name] ?? [],
      isPrivateNetwork: network.chain === "regtest",
      hasTor: socks !== undefined,
      isOnlyByTor,
      own: announced,
      features: (host) => ({ ...featuresOf(facts), hosts: { [host]: facts.hosts()[host] } }),
      isBanned: (address) => this.door.bans.has(address),
    });
  }

  /** Does not wait for Tor, which may come later. */
  async #openOnion(): Promise<void> {
    const { control } = this.#tor;
    if (control === undefined) {
      throw new TroupeError(
        { code: "GATEWAY_TOR_UNSET" },
        "electrum_onion in the section [gateway] needs Tor's control port. Set control in the section [tor], such as 127.0.0.1:9051.",
      );
    }
    const { clock, log, dataDirectory } = this.#context;
    this.#onion = new OnionService({
      control,
      port: ONION_PORT,
      target: await this.door.openForTor(),
      keyFile: join(dataDirectory, "electrum-onion.key"),
      clock,
      log,
      changed: (address) => this.#onionChanged(address),
    });
    void this.#onion.start();
  }

  #onionChanged(address: string | undefined): void {
    this.#onionDoor =
      address === undefined
        ? undefined
        : {
            name: "electrum onion",
            address: `tcp://${address}:${ONION_PORT}`,
            doc: "Electrum wallets, through Tor.",
          };
    this.#changed();
  }

  async close(): Promise<void> {
    this.#onion?.stop();
    await this.peers?.stop();
    await this.door.close();
    await this.#inner.stop();
  }
}
