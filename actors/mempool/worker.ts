/** The mempool's entry: a thread of the stage, or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { mempoolWith } from "./actor.ts";
import { nodeParts } from "./parts.ts";

hostActor(mempoolWith(nodeParts));
