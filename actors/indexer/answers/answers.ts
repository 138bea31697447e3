/** The contract's requests as questions to the index. */
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { CallContext, Handlers } from "../../../bus/bus.ts";
import type { indexerContract } from "../../../bus/contracts/indexer.ts";
import { EncodedReply } from "../../../bus/encoded-reply.ts";
import type { StoredTransactions } from "../queries/stored-transactions.ts";
import type { BlockSource } from "../sync/block-source.ts";
import type { IndexReader, Question } from "./reader.ts";
import type { RawTransaction } from "./replies.ts";

export interface AnswerParts {
  readonly reader: IndexReader;
  readonly rawTransactions: BlockSource["rawTransactions"];
  readonly isSynced: () => boolean;
  /** The node's files on this machine, where they may be read. */
  readonly stored?: StoredTransactions | undefined;
  /** Hears from where transactions were taken, and how many. */
  readonly read?: (from: "files" | "node", transactions: number) => void;
  /** Hears of each answer: how long it took and how much was asked for. */
  readonly answered?: (method: string, items: number, durationMs: number) => void;
}

type QueryHandlers = Omit<Handlers<typeof indexerContract>, "status" | "verifyBlocks" | "verifyRows">;

/** The shape of hashes is checked at the edge of the bus. */
export function answers(parts: AnswerParts): QueryHandlers {
  const { reader, rawTransactions, stored, isSynced, read = () => {}, answered = () => {} } = parts;

  const reply = (
    method: string,
    items: number,
    call: CallContext,
    question: Question<Uint8Array>,
  ): EncodedReply | Promise<EncodedReply> => {
    const startMs = performance.now();
    const done = (body: Uint8Array): EncodedReply => {
      answered(method, items, performance.now() - startMs);
      return new EncodedReply(body);
    };
    const body = reader.ask(question, () => call.signal);
    return body instanceof Promise ? body.then(done) : done(body);
  };

  return {
    tip: (_input, call) => reply("tip", 1, call, (replies) => replies.tip(isSynced())),
    histories: (input, call) =>
      reply("histories", input.scripthashes.length, call, (replies) => replies.histories(input)),
    history: (input, call) => reply("history", 1, call, (replies) => replies.history(input)),
    unspents: (input, call) =>
      reply("unspents", input.scripthashes.length, call, (replies) => replies.unspents(input)),
    balances: (input, call) =>
      reply("balances", input.scripthashes.length, call, (replies) => replies.balances(input)),
    places: (input, call) => reply("places", input.txids.length, call, (replies) => replies.places(input)),
    spenders: ({ outpoints }, call) =>
      reply("spenders", outpoints.length, call, (replies) => replies.spenders(outpoints)),
    merkleProofs: (input, call) =>
      reply("merkleProofs", input.txids.length, call, (replies) => replies.merkleProofs(input)),
    transactionsAt: ({ places }, call) =>
      reply("transactionsAt", places.length, call, (replies) => replies.transactionsAt(places)),
    blockTxids: ({ height }, call) => reply("blockTxids", 1, call, (replies) => replies.blockTxids(height)),
    headers: ({ height, count, checkpointHeight }, call) =>
      reply("headers", count, call, (replies) => replies.headers(height, count, checkpointHeight)),
    rawTransactions: async (input, call) => {
      const startMs = performance.now();
      const known = await reader.ask(
        (replies) => replies.rawTransactions(input, stored),
        () => call.signal,
      );
      const missing = known.flatMap((one, i) =>
        isToBeAsked(one) ? [{ txid: input.txids[i] as string as Txid, block: one.block }] : [],
      );
      const late = (missing.length === 0 ? [] : await rawTransactions(missing, call.signal)).values();
      const results = known.map((one) => (isToBeAsked(one) ? (late.next().value ?? null) : one));
      read("node", missing.length);
      read("files", known.filter((one) => typeof one === "string").length);
      answered("rawTransactions", input.txids.length, performance.now() - startMs);
      return encodedResults(results);
    },
  };
}

export function isToBeAsked(one: RawTransaction): one is Exclude<RawTransaction, string | null> {
  return one !== null && typeof one !== "string";
}

/** Hex and nulls: nothing of it has to be checked again on its way. */
export function encodedResults(results: readonly (string | null)[]): EncodedReply {
  return new EncodedReply(Buffer.from(JSON.stringify({ results }), "latin1"));
}
