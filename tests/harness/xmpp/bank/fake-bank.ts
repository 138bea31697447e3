/** A ledger of the tests: accounts, addresses and orders in memory, as the contract has them and no safer than it looks. */
import { NOTHING } from "../../../../actors/ledger/notices/notices.ts";
import type {
  LedgerAccount,
  LedgerMovement,
  LedgerNotice,
  LedgerOrder,
  LedgerParty,
} from "../../../../bus/contracts/ledger/objects.ts";
import type { PartyWord } from "../../../../bus/contracts/ledger/values.ts";
import { ledgerContract } from "../../../../bus/contracts/ledger.ts";
import { type Connector, type FakeActor, fakeActor } from "../../../../bus/fake.ts";
import type { TroupeError } from "../../../../runtime/errors.ts";
import { adminCalls, type Calls, refuse } from "./fake-bank-admins.ts";
import { ONE_TIME_CODE, personCalls, SETTINGS } from "./fake-bank-people.ts";

/** Of the private chain, and of nobody. */
export const ADDRESSES = [
  "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
  "bcrt1q4794m2uuw9jmjszmplfj4wvvr5j272fpmfgxur",
] as const;
export const TXID = "ab".repeat(32);

const FEE_SAT = 200;
export class FakeBank {
  readonly accounts = new Map<string, LedgerAccount>();
  readonly orders = new Map<string, LedgerOrder & { readonly jid: string }>();
  readonly notices: LedgerNotice[] = [];
  readonly acknowledged: number[] = [];
  #noticed = 0;
  /** Whose, and which order it was. */
  readonly #requests = new Map<string, string>();
  /** So many there were when the door asked for them last. */
  takenNotices = 0;
  /** What happens while somebody waits for the answer to his confirmation. */
  beforeConfirmed: (order: string) => void | Promise<void> = () => {};
  /** While the market is asked. */
  beforeMixed: () => void | Promise<void> = () => {};
  readonly suspected: string[] = [];
  /** What admins did, in words. */
  readonly acts: string[] = [];
  readonly banned = new Set<string>();
  halted: string | null = null;
  /** Whether the wallet's owner allows coinjoins. */
  isMixing = false;
  readonly movements = new Map<string, LedgerMovement[]>();
  readonly contacts = new Map<string, LedgerParty[]>();
  readonly given = new Map<string, { readonly jid: string; label: string }>();
  /** When higher limits hold that were asked for. */
  raiseAtS = 0;
  /** What a method is to refuse with, once. */
  readonly refusals = new Map<string, TroupeError>();
  actor!: FakeActor<typeof ledgerContract>;

  static async start(world: Connector): Promise<FakeBank> {
    const bank = new FakeBank();
    bank.actor = await fakeActor(world, ledgerContract, bank.#handlers());
    return bank;
  }

  /** What has been is over: for lives so long that it would fill the memory. */
  forget(): void {
    for (const kept of [this.orders, this.#requests, this.movements, this.given, this.contacts]) kept.clear();
    for (const kept of [this.actor.calls, this.acts, this.suspected, this.notices, this.acknowledged])
      kept.length = 0;
  }

  account(jid: string): LedgerAccount {
    const account = this.accounts.get(jid);
    if (account === undefined) throw refuse("LEDGER_NO_ACCOUNT");
    return account;
  }

  open(name: string, sat = 0, more: Partial<LedgerAccount> = {}): LedgerAccount {
    const jid = more.jid ?? `${name}@example.test`;
    const limits = { paymentSat: 10_000_000, daySat: 50_000_000, strongSat: 5_000_000 };
    const account: LedgerAccount = {
      userId: this.accounts.size + 1,
      jid,
      username: name,
      state: "open",
      why: null,
      isAdmin: name === "admin",
      isOwner: false,
      needsVerification: false,
      hasSecondFactor: false,
      settings: SETTINGS,
      limits,
      raise: null,
      leftTodaySat: limits.daySat,
      openOrders: 0,
      createdAtS: 1_700_000_000,
      availableSat: sat,
      heldSat: 0,
      pendingSat: 0,
      ...more,
    };
    this.accounts.set(jid, account);
    return account;
  }

  change(jid: string, change: Partial<LedgerAccount>): LedgerAccount {
    const changed = { ...this.account(jid), ...change };
    this.accounts.set(jid, changed);
    this.actor.publisher.event("account.changed", { userId: changed.userId, jid });
    return changed;
  }

  notify(notice: Partial<LedgerNotice> & Pick<LedgerNotice, "jid" | "kind">): LedgerNotice {
    const whole = this.keep(notice);
    this.actor.publisher.event("noticed", { id: whole.id });
    return whole;
  }

  /** Without a word of it. */
  keep(notice: Partial<LedgerNotice> & Pick<LedgerNotice, "jid" | "kind">): LedgerNotice {
    const whole: LedgerNotice = {
      id: ++this.#noticed,
      atS: 1_700_000_000,
      language: null,
      unit: "sat",
      subject: `s${this.notices.length}`,
      ...NOTHING,
      ...notice,
    };
    this.notices.push(whole);
    return whole;
  }

  named(username: string): LedgerAccount | undefined {
    return [...this.accounts.values()].find(
      (account) => account.username.toLowerCase() === username.toLowerCase() && account.state !== "closed",
    );
  }

  #party(what: PartyWord, asker: string): { party: LedgerParty | null; other: LedgerAccount | undefined } {
    if ("address" in what) {
      const owner = this.given.get(what.address);
      return {
        party: { userId: null, username: null, jid: null, address: what.address },
        other: owner === undefined ? undefined : this.accounts.get(owner.jid),
      };
    }
    const isAdmin = this.accounts.get(asker)?.isAdmin ?? false;
    if ("jid" in what && what.jid !== asker && !isAdmin) return { party: null, other: undefined };
    const other = "jid" in what ? this.accounts.get(what.jid) : this.named(what.username);
    if (other === undefined) return { party: null, other };
    const isKnown = isAdmin || other.jid === asker;
    return {
      party: {
        userId: other.userId,
        username: other.username,
        jid: isKnown ? other.jid : null,
        address: null,
      },
      other,
    };
  }

  #isMeant(party: LedgerParty, word: PartyWord): boolean {
    if ("address" in word) return party.address === word.address;
    const username = "username" in word ? word.username : this.accounts.get(word.jid)?.username;
    return party.username !== null && party.username === username;
  }

  #order(jid: string, to: PartyWord, amountSat: number, memo: string): LedgerOrder {
    const payer = this.account(jid);
    const { party, other } = this.#party(to, jid);
    if (party === null) throw refuse("LEDGER_RECIPIENT");
    if (other?.jid === jid) throw refuse("LEDGER_SELF");
    const feeSat = other === undefined ? FEE_SAT : 0;
    if (payer.availableSat < amountSat + feeSat)
      throw refuse("LEDGER_FUNDS", { availableSat: payer.availableSat, neededSat: amountSat + feeSat });
    const number = this.orders.size + 1;
    const order = {
      jid,
      route: other === undefined ? ("chain" as const) : ("internal" as const),
      to: party,
      amountSat,
      feeSat,
      feeSatMax: feeSat * 2,
      remainingSat: payer.availableSat - amountSat - feeSat,
      needsSecondFactor: amountSat >= payer.limits.strongSat,
      order: number.toString(16).padStart(16, "0"),
      state: "queued" as const,
      memo,
      code: `code${String(number).padStart(2, "0")}`,
      createdAtS: Math.floor(Date.now() / 1_000),
      expiresAtS: Math.floor(Date.now() / 1_000) + 600,
      txid: null,
      failure: null,
      isLeaving: false,
      coinjoin: null,
    };
    this.orders.set(order.order, order);
    return outside(order);
  }

  /** The same request of one person is one order. */
  #once(jid: string, request: string | undefined, make: () => LedgerOrder): LedgerOrder {
    const key = `${jid} ${request}`;
    const known = request === undefined ? undefined : this.orders.get(this.#requests.get(key) ?? "");
    if (known !== undefined) return outside(known);
    const made = make();
    this.#requests.set(key, made.order);
    return made;
  }

  /** As the market would price it. */
  #mix(jid: string, address: string, amountSat: number, makers: number, memo: string): LedgerOrder {
    if (!this.isMixing) throw refuse("LEDGER_COINJOIN", { why: "off" });
    const order = this.#order(jid, { address }, amountSat, memo);
    const terms = { makerFeesSat: 100 * makers, miningFeeSat: 900 };
    const most = { makerFeesSatMax: 200 * makers, miningFeeSatMax: 1_800 };
    const mixed = {
      ...{ ...order, jid, route: "coinjoin" as const, to: { ...order.to, address } },
      feeSat: 100 * makers + 900,
      feeSatMax: 200 * makers + 1_800,
      remainingSat: this.account(jid).availableSat - amountSat - 100 * makers - 900,
      coinjoin: { makers, ...terms, ...most },
    };
    this.orders.set(mixed.order, mixed);
    return outside(mixed);
  }

  #find(jid: string, which: { code: string } | { order: string }): LedgerOrder & { readonly jid: string } {
    const found = [...this.orders.values()].find(
      (order) =>
        order.jid === jid &&
        ("code" in which ? order.code === which.code.toLowerCase() : order.order === which.order),
    );
    if (found === undefined) throw refuse("LEDGER_NO_ORDER", { triesLeft: 4 });
    return found;
  }

  #confirm(
    jid: string,
    which: { code: string } | { order: string },
    oneTimeCode: string | undefined,
  ): LedgerOrder {
    const order = this.#find(jid, which);
    if (order.state === "done" || order.state === "broadcast") return outside(order);
    if (order.needsSecondFactor && oneTimeCode !== ONE_TIME_CODE)
      throw refuse("LEDGER_SECOND_FACTOR", { why: oneTimeCode === undefined ? "needed" : "wrong" });
    const payer = this.account(jid);
    this.change(jid, { availableSat: payer.availableSat - order.amountSat - order.feeSat });
    if (order.route === "coinjoin") {
      const begun = { ...order, state: "executing" as const, code: null };
      this.orders.set(order.order, begun);
      return outside(begun);
    }
    const internal = order.route === "internal";
    if (internal) {
      const payee =
        order.to.username === null
          ? this.account(this.given.get(order.to.address ?? "")?.jid ?? "")
          : (this.named(order.to.username) as LedgerAccount);
      this.change(payee.jid, { availableSat: payee.availableSat + order.amountSat });
      const counterpart = { userId: payer.userId, username: payer.username, jid: null, address: null };
      this.#move(payee.jid, "received", order.amountSat, counterpart, order);
      this.notify({
        jid: payee.jid,
        kind: "payment.received",
        amountSat: order.amountSat,
        balanceSat: payee.availableSat + order.amountSat,
        counterpart,
        text: order.memo,
      });
    }
    this.#move(jid, "paid", -order.amountSat - order.feeSat, order.to, order);
    const over = {
      ...order,
      state: internal ? ("done" as const) : ("broadcast" as const),
      txid: internal ? null : TXID,
    };
    this.notify({
      jid,
      kind: internal ? "order.executed" : "order.broadcast",
      order: order.order,
      amountSat: order.amountSat,
      counterpart: order.to,
      txid: over.txid,
    });
    this.orders.set(order.order, over);
    return outside(over);
  }

  #move(
    jid: string,
    kind: LedgerMovement["kind"],
    changeSat: number,
    counterpart: LedgerParty,
    order: LedgerOrder,
  ): void {
    const own = this.movements.get(jid) ?? [];
    own.unshift({
      entry: own.length + 1,
      atS: 1_700_000_000,
      kind,
      changeSat,
      feeSat: order.feeSat,
      balanceSat: this.account(jid).availableSat,
      counterpart,
      memo: order.memo,
      order: order.order,
      txid: null,
      confirmations: order.route === "chain" ? 0 : null,
    });
    this.movements.set(jid, own);
  }

  #addressOf(address: string) {
    return {
      address,
      label: this.given.get(address)?.label ?? "",
      createdAtS: 1_700_000_000,
      receivedSat: 5_000,
      pendingSat: 0,
      sharePermille: 333,
    };
  }

  addressesOf(jid: string) {
    return [...this.given]
      .filter(([, { jid: owner }]) => owner === jid)
      .map(([address]) => this.#addressOf(address));
  }

  #handlers(): Calls {
    const handlers: Calls = {
      account: ({ jid }) => this.account(jid),
      balance: ({ jid }) => this.account(jid),
      lookup: ({ jid, what }) => {
        this.account(jid);
        const { party, other } = this.#party(what, jid);
        const isOwn = "address" in what && this.given.get(what.address)?.jid === jid;
        const { isAdmin } = this.account(jid);
        // Whose an address is, its owner and admins may know.
        if ("address" in what && other !== undefined && (isOwn || isAdmin))
          return {
            party: { userId: other.userId, username: other.username, jid: other.jid, address: null },
            isSelf: isOwn,
            own: isOwn ? this.#addressOf(what.address) : null,
          };
        return { party, isSelf: other?.jid === jid, own: isOwn ? this.#addressOf(what.address) : null };
      },
      leave: ({ jid, address }) => {
        const { availableSat } = this.account(jid);
        if (availableSat === 0) {
          this.change(jid, { state: "closed" });
          return { order: null, isClosed: true };
        }
        if (address === undefined)
          throw refuse("LEDGER_NOT_EMPTY", { availableSat, heldSat: 0, pendingSat: 0, openOrders: 0 });
        return { order: this.#order(jid, { address }, availableSat - FEE_SAT, ""), isClosed: false };
      },
      receive: ({ jid, label }) => {
        this.account(jid);
        const address = ADDRESSES.find((one) => !this.given.has(one)) ?? ADDRESSES[0];
        this.given.set(address, { jid, label: label ?? "" });
        return { ...this.#addressOf(address), isNew: true };
      },
      addresses: ({ jid, offset, limit }) => {
        const own = this.addressesOf(jid);
        const addresses = own.slice(offset ?? 0, (offset ?? 0) + (limit ?? own.length));
        return { total: own.length, receivedSat: own.length * 5_000, addresses };
      },
      label: ({ jid, address, label }) => {
        const given = this.given.get(address);
        if (given?.jid !== jid) throw refuse("LEDGER_NOT_YOURS");
        given.label = label;
        return this.#addressOf(address);
      },
      contacts: ({ jid }) => ({ contacts: this.contacts.get(jid) ?? [] }),
      contact: ({ jid, who, isKept }) => {
        const { party } = this.#party(who, jid);
        if (party === null) throw refuse("LEDGER_RECIPIENT");
        const others = (this.contacts.get(jid) ?? []).filter(
          (one) => one.username !== party.username || one.address !== party.address,
        );
        this.contacts.set(jid, isKept ? [...others, party] : others);
        return { contacts: this.contacts.get(jid) ?? [] };
      },
      order: ({ jid, to, amountSat, memo, request }) =>
        this.#once(jid, request, () => this.#order(jid, to, amountSat ?? 0, memo)),
      mix: async ({ jid, address, amountSat, makers, memo, request }) => {
        await this.beforeMixed();
        return this.#once(jid, request, () => this.#mix(jid, address, amountSat, makers ?? 4, memo));
      },
      orderOf: ({ jid, order }) => outside(this.#find(jid, { order })),
      payerOf: ({ order: id }) => {
        const order = this.orders.get(id);
        return { jid: order?.route === "coinjoin" && order.state === "executing" ? order.jid : null };
      },
      confirm: async ({ jid, which, oneTimeCode }) => {
        const order = this.#confirm(jid, which, oneTimeCode);
        await this.beforeConfirmed(order.order);
        return order;
      },
      cancel: ({ jid, which }) => {
        const cancelled = { ...this.#find(jid, which), state: "cancelled" as const, code: null };
        this.orders.set(cancelled.order, cancelled);
        return outside(cancelled);
      },
      orders: ({ jid, with: other }) => {
        const own = [...this.orders.values()]
          .filter((order) => order.jid === jid && ["queued", "executing", "broadcast"].includes(order.state))
          .filter(({ to }) => other === undefined || this.#isMeant(to, other))
          .map(outside);
        return { total: own.length, orders: own };
      },
      history: ({ jid, with: other, offset, limit }) => {
        this.account(jid);
        const all = (this.movements.get(jid) ?? []).filter(
          ({ counterpart }) =>
            other === undefined || (counterpart !== null && this.#isMeant(counterpart, other)),
        );
        return { total: all.length, movements: all.slice(offset, offset + limit) };
      },
      notices: ({ after, limit }) => {
        this.takenNotices = this.notices.length;
        const notices = this.notices.filter(({ id }) => id > after && !this.acknowledged.includes(id));
        return { notices: notices.slice(0, limit), isMore: notices.length > limit };
      },
      acknowledge: ({ ids }) => {
        this.acknowledged.push(...ids);
        return {};
      },
      ...personCalls(this),
      ...adminCalls(this),
      status: () => this.status(),
    };
    return Object.fromEntries(
      Object.entries(handlers).map(([method, handle]) => [
        method,
        (...given: unknown[]) => {
          const refusal = this.refusals.get(method);
          this.refusals.delete(method);
          if (refusal !== undefined) throw refusal;
          return (handle as (...args: unknown[]) => unknown)(...given);
        },
      ]),
    ) as Calls;
  }

  status() {
    return {
      mode: "multiuser" as const,
      wallet: "bank",
      grantId: null,
      isConnected: true,
      isSpending: this.halted === null,
      isMixing: this.isMixing,
      why: this.halted,
      tip: { height: 120, hash: "00".repeat(32) },
      confirmations: 1,
      registration: "open" as const,
      users: this.accounts.size,
      openOrders: this.orders.size,
      limits: { paymentSat: 1, daySat: 1, strongSat: 1 },
    };
  }
}

function outside({ jid: _, ...order }: LedgerOrder & { readonly jid?: string }): LedgerOrder {
  return order;
}
