/** The wallet daemon's entry, as `actors/walletd/worker.ts` is, with passwords that cost next to nothing: for tests that open wallets hundreds of times. */
import { walletdWith } from "../../../actors/walletd/actor.ts";
import { hostActor } from "../../../bus/host.ts";
import { CHEAP } from "./wallet-changes.ts";

hostActor(walletdWith({ cost: CHEAP }));
