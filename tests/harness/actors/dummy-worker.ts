/** Thread or process entry of the dummy actor. */
import { hostActor } from "../../../bus/host.ts";
import { dummyActor } from "./dummy.ts";

hostActor(dummyActor);
