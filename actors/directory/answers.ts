/** What the directory answers its operator: who is inside, what it has done, who is kept out. */
import type { Handlers } from "../../bus/bus.ts";
import {
  DIRECTORY_PEERS_MAX,
  type DirectoryPeer,
  type DirectoryStatus,
  type directoryContract,
} from "../../bus/contracts/directory.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Bot } from "./bots.ts";
import type { Directory } from "./door.ts";
import type { DirectoryTally } from "./metrics.ts";

export interface AnswerParts {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly botsMax: number;
  readonly perMinute: { readonly orderbook: number; readonly public: number; readonly private: number };
  status(): DirectoryStatus;
  tally(): DirectoryTally;
}

export function directoryAnswers(parts: AnswerParts): Handlers<typeof directoryContract> {
  const { directory, clock, botsMax, perMinute } = parts;
  const since = (ms: number) => Math.max(0, Math.floor((clock.monotonicMs() - ms) / 1_000));
  return {
    peers: async ({ limit }) => {
      const bots = [...directory.bots.all()].sort((a, b) => b.passed + b.dropped - a.passed - a.dropped);
      return { total: bots.length, peers: bots.slice(0, limit).map((bot) => peerOf(bot, since)) };
    },
    stats: async () => ({
      ...parts.status(),
      ...parts.tally(),
      uptimeS: since(parts.startedMs),
      botsMax,
      perMinute,
    }),
    ban: async ({ name, minutes }) => directory.ban(name, minutes),
    unban: async ({ name }) => ({ wasBanned: directory.unban(name) }),
    bans: async () => ({ total: directory.bans.size, bans: directory.bans.all(DIRECTORY_PEERS_MAX) }),
  };
}

function peerOf(bot: Bot, since: (ms: number) => number): DirectoryPeer {
  const { nick, location, remoteAddress, publicKeyHex, features, passed, dropped } = bot;
  return {
    nick,
    location: location ?? null,
    address: remoteAddress,
    isProven: publicKeyHex !== undefined,
    features: [...features].sort(),
    ageS: since(bot.enteredMs),
    silentS: since(bot.heardMs),
    passed,
    dropped,
  };
}
