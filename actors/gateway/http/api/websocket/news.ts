/** What those who listen are told: the wallet's transactions, as JoinMarket tells them. */
import type { Network } from "../../../../../bitcoin/network.ts";
import type { Bus, Client, Listener } from "../../../../../bus/bus.ts";
import type { EventBody } from "../../../../../bus/contract/contract.ts";
import { indexerContract } from "../../../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../../../bus/contracts/mempool.ts";
import { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { toWireError } from "../../../../../runtime/errors.ts";
import { Gate } from "../../../../../runtime/limits.ts";
import type { Log } from "../../../../../runtime/log/log.ts";
import type { Diary } from "../jam/diary.ts";
import { transactionInfo } from "../spending/transaction-info.ts";
import type { Login } from "../wallet/login.ts";
import type { Sockets } from "./sockets.ts";

type Seen = EventBody<typeof walletdContract, "transaction.seen">;

export interface NewsOptions {
  readonly bus: Bus;
  readonly login: Login;
  readonly sockets: Sockets;
  readonly network: Network;
  readonly diary: Diary;
  readonly log: Log;
}

const PLACES = Object.freeze({
  mempool: "waits to be confirmed",
  block: "is confirmed",
  gone: "is gone",
} satisfies Record<Seen["place"], string>);

/** A wallet of a whole market may have many transactions in one block. */
const READING_MAX = 4;
const WAITING_MAX = 1_000;

export class News {
  readonly #options: NewsOptions;
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #reading = new Gate({
    concurrency: READING_MAX,
    waitingMax: WAITING_MAX,
    name: "transactions to tell",
  });
  #listeners: Listener[] = [];

  constructor(options: NewsOptions) {
    this.#options = options;
    this.#indexer = options.bus.client(indexerContract);
    this.#mempool = options.bus.client(mempoolContract);
  }

  async start(): Promise<void> {
    const { bus, login } = this.#options;
    this.#listeners = [
      await bus.onEvent(walletdContract, "transaction.seen", (seen) => this.#tell(seen)),
      await bus.onEvent(walletdContract, "wallet.locked", ({ wallet }) => login.closed(wallet)),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  async #tell({ wallet, txid, place }: Seen): Promise<void> {
    const { login, sockets, network, diary, log } = this.#options;
    if (login.open?.name !== wallet) return;
    diary.note(`the transaction ${txid} ${PLACES[place]}`);
    if (place === "gone" || !sockets.hasListeners) return;
    try {
      const hex = await this.#reading.run(() => this.#raw(txid, place));
      if (hex === undefined) return;
      const confirmations = place === "block" ? 1 : 0;
      sockets.tell({ txid, txdetails: { ...transactionInfo(hex, network), confirmations } });
    } catch (error) {
      // Clients ask for the coins all the same; this is to make them ask sooner.
      log.debug("a transaction could not be told", { code: toWireError(error).code });
    }
  }

  async #raw(txid: string, place: "mempool" | "block"): Promise<string | undefined> {
    const ask = { txids: [txid] };
    const first = place === "block" ? this.#indexer : this.#mempool;
    const second = place === "block" ? this.#mempool : this.#indexer;
    const [found] = (await first.rawTransactions(ask)).results;
    return found ?? (await second.rawTransactions(ask)).results[0] ?? undefined;
  }
}
