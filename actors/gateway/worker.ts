/** The gateway's entry, in a thread or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { gateway } from "./actor.ts";

hostActor(gateway);
