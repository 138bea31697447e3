/** The market that a configuration describes: every channel of it, for one bot. */
import type { Clock } from "../../runtime/clock.ts";
import { type HostPort, parseHostPort } from "../../runtime/config/config-values.ts";
import { assert } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import { OnionService } from "../../runtime/tor/onion-service.ts";
import type { NickIdentity } from "../nick/identity.ts";
import type { Channel } from "./channel.ts";
import { Channels } from "./channels.ts";
import { knownDirectories, type MarketConfig } from "./config.ts";
import { IrcChannel } from "./irc/irc-channel.ts";
import type { Market } from "./market.ts";
import { dialer } from "./onion/dial.ts";
import { channelNetwork } from "./onion/handshake.ts";
import { type Exposed, OnionChannel, type Serving } from "./onion/onion-channel.ts";

/** Where every bot of the onion channel answers. */
const ONION_PORT = 5_222;

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
  const serving = isMaker ? servingOf(config, clock, log) : undefined;
  const onion = new OnionChannel({
    identity,
    directories,
    network: channelNetwork(network),
    // Circuits of their own: no directory shall see that two bots are of one box.
    dial: dialer({ socks, circuit: identity.nick }),
    clock,
    ...(options.features === undefined ? {} : { features: options.features }),
    ...(serving === undefined ? {} : { serving }),
  });
  const channels: Channel[] = directories.length > 0 ? [onion] : [];
  for (const server of config.irc) channels.push(ircChannel(server, socks, config, options));
  return new Channels({ identity, channels, clock, log });
}

/** How takers reach a maker without a directory between, if the configuration wants that. */
function servingOf(config: MarketConfig, clock: Clock, log: Log): Serving | undefined {
  const listen = config.serve_listen === undefined ? undefined : parseHostPort(config.serve_listen);
  if (config.serve_onion) {
    const control = config.control === undefined ? undefined : parseHostPort(config.control);
    return {
      listen: listen ?? { host: "127.0.0.1", port: 0 },
      expose: (target) => onionServiceFor(target, control, clock, log),
    };
  }
  if (listen === undefined) return undefined;
  const location = config.serve_address;
  return { listen, ...(location === undefined ? {} : { location }) };
}

/** Its address is as new as the maker's nick: neither tells who had the one before. */
async function onionServiceFor(
  target: HostPort,
  control: HostPort | undefined,
  clock: Clock,
  log: Log,
): Promise<Exposed> {
  if (control === undefined) throw new Error("serve_onion needs control in the section [tor]");
  let address: string | undefined;
  const changed = (known: string | undefined) => {
    address ??= known;
  };
  const service = new OnionService({ control, port: ONION_PORT, target, clock, log, changed });
  await service.start();
  if (address === undefined) {
    service.stop();
    throw new Error("Tor gives us no onion service; the log says why");
  }
  return { location: `${address}:${ONION_PORT}`, close: () => service.stop() };
}

function ircChannel(
  text: string,
  socks: HostPort | undefined,
  { irc_account: name, irc_password_file: file }: MarketConfig,
  { identity, network, clock }: MarketOptions,
): IrcChannel {
  const server = parseHostPort(text.slice(text.indexOf("://") + 3));
  assert(server !== undefined, "the configuration's servers have been checked");
  const account =
    name === undefined || file === undefined
      ? {}
      : { account: { name, password: readSecretFile(file).reveal() } };
  return new IrcChannel({
    server,
    isTls: text.startsWith("ircs:"),
    nick: identity.nick,
    network,
    socks,
    clock,
    ...account,
  });
}
