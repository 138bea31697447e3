/** What those who listen are told: the wallet's transactions, as JoinMarket tells them. */
import type { Network } from "../../../../../bitcoin/network.ts";
import type { Bus, Listener } from "../../../../../bus/bus.ts";
import { RawTransactions } from "../../../../../bus/chain/raw-transactions.ts";
import type { EventBody } from "../../../../../bus/contract/contract.ts";
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
  readonly #raw: RawTransactions;
  readonly #reading = new Gate({
    concurrency: READING_MAX,
    waitingMax: WAITING_MAX,
    name: "transactions to tell",
  });
  #listeners: Listener[] = [];

  constructor(options: NewsOptions) {
    this.#options = options;
    this.#raw = new RawTransactions(options.bus, options.network);
  }

  async start(): Promise<void> {
    const { bus, login } = this.#options;
    this.#listeners = [
      await bus.onEvent(walletdContract, "transaction.seen", (seen) => this.#tell(seen)),
      await bus.onEvent(walletdContract, "wallet.locked", ({ wallet }) => login.locked(wallet)),
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
      const hex = await this.#reading.run(() => this.#whole(txid));
      // Whoever listens by now may be another wallet's owner.
      if (hex === undefined || login.open?.name !== wallet) return;
      const confirmations = place === "block" ? 1 : 0;
      sockets.tell({ txid, txdetails: { ...transactionInfo(hex, network), confirmations } });
    } catch (error) {
      // Clients ask for the coins all the same; this is to make them ask sooner.
      log.debug("a transaction could not be told", { code: toWireError(error).code });
    }
  }

  async #whole(txid: string): Promise<string | undefined> {
    let found: string | undefined;
    await this.#raw.fetch([txid], (_, _parsed, hex) => {
      found = hex;
    });
    return found;
  }
}
