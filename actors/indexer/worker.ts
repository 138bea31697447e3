/** The indexer's entry, in a process of its own: it is the only writer of the index. */
import { hostActor } from "../../bus/host.ts";
import { indexerWith } from "./actor.ts";
import { nodeParts } from "./parts.ts";

hostActor(indexerWith(nodeParts));
