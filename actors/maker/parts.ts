/** The maker as the program runs it: each wallet on all channels that the configuration names, under a nick of its own. */
import { openMarket } from "../../joinmarket/channel/open-market.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import type { MakerActorParts } from "./actor.ts";

export const marketParts: MakerActorParts = Object.freeze({
  market({ config, network, clock, log }) {
    return openMarket(config.market, {
      identity: NickIdentity.random(),
      network,
      clock,
      log,
      isMaker: true,
    });
  },
} satisfies MakerActorParts);
