/** The ledger's entry, in a thread or a process of its own. */
import { hostActor } from "../../bus/host.ts";
import { ledger } from "./actor.ts";

hostActor(ledger);
