/** The directory's entry, in a thread or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { directory } from "./actor.ts";

hostActor(directory);
