/** The entry of a query thread. */
import { hostActor } from "../../../bus/host.ts";
import { queryThread } from "./query-thread.ts";

hostActor(queryThread);
