/** The market that a configuration describes: every channel of it, for one bot. */
import type { Clock } from "../../runtime/clock.ts";
import { type HostPort, parseHostPort } from "../../runtime/config/config-values.ts";
import { assert } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import type { NickIdentity } from "../nick/identity.ts";
import type { Channel } from "./channel.ts";
import { Channels } from "./channels.ts";
import { knownDirectories, type MarketConfig } from "./config.ts";
import { IrcChannel } from "./irc/irc-channel.ts";
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
  const channels: Channel[] = directories.length > 0 ? [onion] : [];
  for (const server of config.irc) channels.push(ircChannel(server, socks, config, options));
  return new Channels({ identity, channels, clock, log });
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
