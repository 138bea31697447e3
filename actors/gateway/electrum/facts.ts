/** What the door says of itself to those who ask: its banner, its name, the ports under which it is found. */
import { readFileSync, statSync } from "node:fs";
import type { Network } from "../../../bitcoin/network.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import type { ElectrumConfig } from "./config.ts";
import type { ServedPorts, ServerFacts } from "./methods/server-methods.ts";
import { type VersionRange, version, versionText } from "./protocol-version.ts";

/** The versions that the methods of the inner half are written for. */
export const PROTOCOL_RANGE: VersionRange = Object.freeze({ min: version("1.4"), max: version("1.6") });

/** Wallets show it in a small window. */
const BANNER_BYTES_MAX = 16 * 1024;

const PORT_NAMES = [
  ["electrum tcp", "tcp_port"],
  ["electrum tls", "ssl_port"],
  ["electrum ws", "ws_port"],
  ["electrum wss", "wss_port"],
] as const;

export interface FactsOptions {
  readonly config: ElectrumConfig;
  readonly network: Network;
  readonly software: string;
  /** The doors that are open now. */
  readonly doors: () => readonly Door[];
}

export function serverFacts({ config, network, software, doors }: FactsOptions): ServerFacts {
  const banner = new BannerFile(config.electrum_banner_file, `You are connected to a ${software} server.`);
  const ports = () => ({ ...portsOf(doors()), ...announcedPorts(config) });
  return {
    banner: () => banner.read(),
    donationAddress: () => config.electrum_donation_address,
    hosts: () => ({
      ...Object.fromEntries(config.electrum_host_names.map((name) => [name, ports()])),
      ...onionOf(doors()),
    }),
    software,
    protocolMin: versionText(PROTOCOL_RANGE.min),
    protocolMax: versionText(PROTOCOL_RANGE.max),
    genesisHash: network.genesis.hash,
  };
}

function portsOf(doors: readonly Door[]): ServedPorts {
  const ports: Record<string, number> = {};
  for (const [name, key] of PORT_NAMES) {
    const door = doors.find((one) => one.name === name);
    if (door !== undefined) ports[key] = Number(/:(\d+)$/.exec(door.address)?.[1]);
  }
  return ports;
}

/** Those that the operator has set: behind a router they are not the doors' own. */
function announcedPorts(config: ElectrumConfig): ServedPorts {
  const { electrum_public_tcp_port: tcp, electrum_public_tls_port: tls } = config;
  return {
    ...(tcp === undefined ? {} : { tcp_port: tcp === 0 ? null : tcp }),
    ...(tls === undefined ? {} : { ssl_port: tls === 0 ? null : tls }),
  };
}

function onionOf(doors: readonly Door[]): Readonly<Record<string, ServedPorts>> {
  const onion = doors.find(({ name }) => name === "electrum onion");
  const [, name, port] = /^tcp:\/\/(.+):(\d+)$/.exec(onion?.address ?? "") ?? [];
  return name === undefined ? {} : { [name]: { tcp_port: Number(port) } };
}

/** Read again when the file has changed, so that an operator need not restart. */
class BannerFile {
  readonly #path: string | undefined;
  #text: string;
  #changedMs = Number.NaN;

  constructor(path: string | undefined, standard: string) {
    this.#path = path;
    this.#text = standard;
  }

  read(): string {
    if (this.#path === undefined) return this.#text;
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs !== this.#changedMs) {
        this.#text = readFileSync(this.#path, "utf8").slice(0, BANNER_BYTES_MAX);
        this.#changedMs = mtimeMs;
      }
    } catch {
      // Gone or unreadable: the last one, or ours, is better than an error in a wallet.
    }
    return this.#text;
  }
}
