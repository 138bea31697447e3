/** The taker's entry: a thread on the configured market, with a fresh nick for each stay on it. */
import { hostActor } from "../../bus/host.ts";
import { openMarket } from "../../joinmarket/channel/open-market.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { takerWith } from "./actor.ts";

hostActor(
  takerWith({
    openMarket: ({ config, network, clock, log }) =>
      openMarket(config.market, { identity: NickIdentity.random(), network, clock, log, isMaker: false }),
  }),
);
