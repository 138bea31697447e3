/** The sandbox node's entry, in a thread or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { node } from "./actor.ts";

hostActor(node);
