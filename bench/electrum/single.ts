/** What is asked once rather than at a rate: the longest history, very many subscriptions of one client, and what a session weighs. */
import { setTimeout as pause } from "node:timers/promises";
import { Randomness } from "../chain/randomness.ts";
import { percentile } from "../command/figures.ts";
import type { Server } from "./contest.ts";
import { LineClient } from "./line-client.ts";
import { connected, cpuSeconds } from "./load.ts";
import { anyHash } from "./methods.ts";
import type { Sample } from "./sample.ts";

type FigureSet = Readonly<Record<string, number | undefined>>;

export interface SingleTerms {
  readonly sample: Sample;
  readonly seed: number;
  readonly subscriptions: number;
  readonly sessions: number;
}

const ASKED_AGAIN = 9;
/** Requests of the one client that are under way at a time. */
const WINDOW = 500;
const SETTLE_MS = 1_500;

/** By the name of the row. The first figure of each is what servers are compared by: less is better. */
export const SINGLES: Readonly<Record<string, (server: Server, terms: SingleTerms) => Promise<FigureSet>>> = {
  history_longest: (server, { sample }) =>
    askedAgain(server, "blockchain.scripthash.get_history", sample.busiest),
  balance_longest: (server, { sample }) =>
    askedAgain(server, "blockchain.scripthash.get_balance", sample.busiest),
  subscribe_longest: (server, { sample }) =>
    askedAgain(server, "blockchain.scripthash.subscribe", sample.busiest),
  subscriptions_of_one: subscribeMany,
  session_bytes: sessionBytes,
};

/** By one client, one after another: the first time apart, because nobody has the answer at hand then. */
async function askedAgain(server: Server, method: string, scripthash: string): Promise<FigureSet> {
  const client = await LineClient.open(server.host, server.port);
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i <= ASKED_AGAIN; i++) {
    const startMs = performance.now();
    bytes = (await client.ask(method, [scripthash])).length;
    times.push(performance.now() - startMs);
  }
  client.close();
  const [firstMs = Number.NaN, ...again] = times;
  return {
    ms: percentile(
      again.sort((a, b) => a - b),
      0.5,
    ),
    firstMs: Math.round(firstMs * 100) / 100,
    bytes,
  };
}

async function subscribeMany(server: Server, { subscriptions, seed }: SingleTerms): Promise<FigureSet> {
  const random = new Randomness(seed);
  const client = await LineClient.open(server.host, server.port);
  const before = cpuSeconds(server);
  const startMs = performance.now();
  let left = subscriptions;
  const lane = async () => {
    while (left-- > 0) await client.ask("blockchain.scripthash.subscribe", [anyHash(random)]);
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
  const seconds = (performance.now() - startMs) / 1_000;
  const after = cpuSeconds(server);
  client.close();
  return {
    seconds: Math.round(seconds * 100) / 100,
    cpuSeconds: before === undefined || after === undefined ? undefined : after - before,
    perSecond: Math.round(subscriptions / seconds),
  };
}

/** What memory of their own the server's processes have more, with sessions that follow the headers and do nothing else. */
async function sessionBytes(server: Server, { sessions }: SingleTerms): Promise<FigureSet> {
  const before = server.tree?.ownBytesNow();
  const clients = await connected(server, sessions);
  await Promise.all(clients.map((client) => client.call("blockchain.headers.subscribe", [])));
  await pause(SETTLE_MS);
  const after = server.tree?.ownBytesNow();
  for (const client of clients) client.close();
  await pause(SETTLE_MS);
  if (before === undefined || after === undefined) return { bytesEach: undefined };
  return { bytesEach: Math.round((after - before) / sessions), sessions };
}
