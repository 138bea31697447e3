/** A directory node of ours for tests, and bots on it: on real sockets of this host, on a clock of the test's choosing. */
import { metrics } from "@opentelemetry/api";
import { Directory, type DirectoryOptions } from "../../../actors/directory/door.ts";
import { DirectoryMetrics } from "../../../actors/directory/metrics.ts";
import { silentLog } from "../../../bus/fake.ts";
import { Channels } from "../../../joinmarket/channel/channels.ts";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { dialer } from "../../../joinmarket/channel/onion/dial.ts";
import { OnionChannel, type OnionChannelOptions } from "../../../joinmarket/channel/onion/onion-channel.ts";
import { NickIdentity } from "../../../joinmarket/nick/identity.ts";
import { systemClock } from "../../../runtime/clock.ts";

export async function openDirectory(options: Partial<DirectoryOptions> = {}): Promise<Directory> {
  const figures = { bots: 0, serving: 0, proven: 0, banned: 0 };
  const made = new Directory({
    listen: { host: "127.0.0.1", port: 0 },
    publicAddress: undefined,
    networks: ["testnet", "regtest"],
    motd: "",
    nickAuth: "prefer_verified",
    botsMax: 1_000,
    botsPerAddressMax: 1_000,
    orderbook_per_minute: 1_000,
    public_per_minute: 10_000,
    private_per_minute: 10_000,
    violations_max: 1_000,
    banMs: 60_000,
    idleMs: 600_000,
    clock: systemClock,
    metrics: new DirectoryMetrics(metrics.getMeter("test"), () => figures),
    onChange: () => undefined,
    ...options,
  });
  await made.start();
  return made;
}

export interface OnionBot {
  readonly identity: NickIdentity;
  readonly channel: OnionChannel;
  readonly market: Market;
}

export function onionBot(
  directories: readonly string[],
  options: Partial<OnionChannelOptions> = {},
): OnionBot {
  const identity = options.identity ?? NickIdentity.random();
  const clock = options.clock ?? systemClock;
  const channel = new OnionChannel({
    identity,
    directories,
    network: "testnet",
    dial: dialer({ socks: undefined, circuit: "test" }),
    clock,
    ...options,
  });
  return {
    identity,
    channel,
    market: new Channels({ identity, channels: [channel], clock, log: silentLog() }),
  };
}
