/** The maker's entry: a thread of the stage, or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { makerWith } from "./actor.ts";
import { marketParts } from "./parts.ts";

hostActor(makerWith(marketParts));
