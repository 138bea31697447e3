/** Sends: chooses, signs and writes down in one decision, so that no coin is promised twice, and only then tells the node. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { parseTransaction } from "../../../bitcoin/transaction.ts";
import type { WalletdConfig } from "../config.ts";
import type { WalletdMetrics } from "../metrics.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { checkDailyLimit } from "./daily-limit.ts";
import type { Delivery } from "./delivery.ts";
import {
  isSweep,
  type Planner,
  type Prepared,
  type SpendWish,
  type Told,
  toldOf,
  toldPlan,
} from "./planner.ts";
import {
  type Asking,
  issueOf,
  knownRecord,
  type Request,
  requestOf,
  type SignedRecord,
  signedDecision,
} from "./signed-record.ts";

export interface Spent extends Told {
  readonly isSent: boolean;
  readonly replaces: string | null;
}

export interface SendTerms {
  readonly label: string;
  readonly judge: (prepared: Prepared) => void;
}

export interface SenderParts {
  readonly config: WalletdConfig;
  readonly planner: Planner;
  readonly delivery: Delivery;
  readonly metrics: Pick<WalletdMetrics, "signed">;
}

export class Sender {
  readonly #parts: SenderParts;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  async dryRun(wallet: OpenWallet, wish: SpendWish): Promise<Spent> {
    const { planner } = this.#parts;
    const prepared = planner.prepare(wallet, wish, await planner.rateOf(wallet, wish.fee));
    return { ...toldPlan(wallet, prepared, wish.mixdepth), isSent: false, replaces: null };
  }

  async send(wallet: OpenWallet, wish: SpendWish, asking: Asking, label: string): Promise<Spent> {
    const { config } = this.#parts;
    const request = requestOf(asking, [wallet.name, wish, label]);
    const judge = ({ paidOutSat: sat }: Prepared) =>
      checkDailyLimit(wallet, config, { caller: asking.caller, sat });
    return await this.sendAs(wallet, wish, request, { label, judge });
  }

  /** As whoever grants says: `judge` throws at what goes too far, inside the decision that signs. */
  async sendAs(wallet: OpenWallet, wish: SpendWish, request: Request, terms: SendTerms): Promise<Spent> {
    wallet.needKeys();
    const record = knownRecord(wallet, request) ?? (await this.#sign(wallet, wish, request, terms));
    await this.#parts.delivery.deliver(wallet, request.id, record);
    const transaction = parseTransaction(hexToBytes(record.rawTx));
    const told = toldOf(wallet, transaction, record.inputsSat, wish.mixdepth);
    return { ...told, isSent: true, replaces: null };
  }

  /** One decision: what is chosen here is set aside, signed and on the disk when this resolves. */
  async #sign(
    wallet: OpenWallet,
    wish: SpendWish,
    request: Request,
    { label, judge }: SendTerms,
  ): Promise<SignedRecord> {
    const { planner, delivery, metrics } = this.#parts;
    const satPerKvb = await planner.rateOf(wallet, wish.fee);
    const record = await wallet.store.transact(() => {
      const known = knownRecord(wallet, request);
      if (known !== undefined) return { changes: [], result: known };
      const prepared = planner.prepare(wallet, wish, satPerKvb);
      const { plan, draft, changeKey, paidOutSat } = prepared;
      judge(prepared);
      const more: WalletChange[] = plan.changeSat > 0 ? [issueOf(changeKey)] : [];
      const decision = signedDecision(wallet, draft, request, { paidOutSat, isSweep: isSweep(wish), more });
      metrics.signed("send");
      delivery.justSigned(decision.result);
      if (label === "") return decision;
      const labelled: WalletChange = { kind: "label", type: "tx", ref: decision.result.txid, label };
      return { ...decision, changes: [...decision.changes, labelled] };
    });
    wallet.sync.issued();
    return record;
  }
}
