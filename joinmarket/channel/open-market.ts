/** The market that a configuration describes: every channel of it, for one bot. */
import type { Clock } from "../../runtime/clock.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { NickIdentity } from "../nick/identity.ts";
import { Channels } from "./channels.ts";
import { knownDirectories, type MarketConfig } from "./config.ts";
import type { Market } from "./market.ts";
import { dialer } from "./onion/dial.ts";
import { channelNetwork } from "./onion/handshake.ts";
import { OnionChannel } from "./onion/onion-channel.ts";

export interface MarketOptions {
  /** A fresh one for each life of a bot. */
  readonly identity: NickIdentity;
  /** `mainnet`, `signet`, `regtest`, … */
  readonly network: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Makers let takers connect to them where that is configured; takers never do. */
  readonly isMaker: boolean;
  /** What the bot can do beside what every channel can, such as `neutrino_compat`. */
  readonly features?: readonly string[];
}

export function openMarket(config: MarketConfig, options: MarketOptions): Market {
  const { identity, network, clock, log, isMaker } = options;
  const directories = config.directories.length > 0 ? config.directories : knownDirectories(network);
  const socks = config.socks === undefined ? undefined : parseHostPort(config.socks);
  const listen = config.serve_listen === undefined ? undefined : parseHostPort(config.serve_listen);
  const location = config.serve_address;
  const serving =
    isMaker && listen !== undefined
      ? { serving: { listen, ...(location === undefined ? {} : { location }) } }
      : {};
  const onion = new OnionChannel({
    identity,
    directories,
    network: channelNetwork(network),
    // Circuits of their own: no directory shall see that two bots are of one box.
    dial: dialer({ socks, circuit: identity.nick }),
    clock,
    ...(options.features === undefined ? {} : { features: options.features }),
    ...serving,
  });
  return new Channels({ identity, channels: directories.length > 0 ? [onion] : [], clock, log });
}
