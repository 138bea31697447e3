/** A query thread that dies of an error nobody catches when the test says so: `DEATHS` with a number below two, by which threads are told apart. */
import { threadId } from "node:worker_threads";
import { queryThread } from "../../../actors/indexer/answers/query-thread.ts";
import { hostActor } from "../../../bus/host.ts";
import { DEATHS } from "./threaded-indexer.ts";

const deaths = new BroadcastChannel(DEATHS);
deaths.unref();
deaths.onmessage = (message) => {
  const { data } = message as { readonly data: unknown };
  if (data === threadId % 2) throw new Error("the test wants this thread to die");
};
hostActor(queryThread);
