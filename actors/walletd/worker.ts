/** The wallet daemon's entry: a process of its own, so that no other code shares memory with the keys. */
import { hostActor } from "../../bus/host.ts";
import { walletdActor } from "./actor.ts";

hostActor(walletdActor);
