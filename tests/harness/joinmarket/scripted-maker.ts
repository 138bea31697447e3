/** A maker that does what the protocol says, from a script: with its own coins and keys, and nothing of our maker's code. Each of its words can be made a lie. */
import { randomBytes } from "node:crypto";
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../../bitcoin/keys/curve.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { addressOfScript } from "../../../bitcoin/script/address.ts";
import { type SignedInput, signInputs } from "../../../bitcoin/signing/inputs.ts";
import { parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { checkAsMaker } from "../../../joinmarket/coinjoin/maker-check.ts";
import { offerFeeSat } from "../../../joinmarket/coinjoin/offer-fee.ts";
import { signatureScript } from "../../../joinmarket/coinjoin/signature-script.ts";
import { type Box, BoxKeys } from "../../../joinmarket/messages/box.ts";
import { parseBytes, writeBytes } from "../../../joinmarket/messages/bytes.ts";
import { type Command, readCommands, writeCommand } from "../../../joinmarket/messages/command.ts";
import { type Fill, parseFill, writeMakerKey } from "../../../joinmarket/messages/fill.ts";
import { type MakerInputs, vouchFor, writeMakerInputs } from "../../../joinmarket/messages/inputs.ts";
import { writeAnswer } from "../../../joinmarket/offer/announcement.ts";
import { type Offer, ownOffer } from "../../../joinmarket/offer/offer.ts";
import { verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { parseRevelation } from "../../../joinmarket/podle/revelation.ts";
import { type KeyedCoin, scriptNumber } from "./parties.ts";

/** What a liar says instead; each is given the truth. Nothing is said at all when it gives nothing. */
export interface Lies {
  inputs?(truth: MakerInputs): MakerInputs | undefined;
  /** The text inside the box, when no such answer can be written. */
  inputsText?(truth: string): string;
  signatures?(truth: readonly SignedInput[], transaction: Transaction): readonly SignedInput[];
  /** The scripts' bytes. */
  signatureBytes?(truth: Uint8Array): Uint8Array;
  /** Instead of its key. */
  key?(truth: string): string;
  /** Whether it does what `!push` asks. */
  isPushing?: boolean;
  /** Beside its offer. */
  bondProof?(nicks: { readonly maker: string; readonly taker: string }): string;
}

export interface ScriptedMakerOptions {
  readonly market: Market;
  /** What it has now: all of it goes into each coinjoin. */
  coins(): readonly KeyedCoin[];
  /** `sw0absoffer 0 27300 500000 0 100`. */
  readonly offer: Omit<Offer, "pit" | "fee">;
  /** Numbers of scripts that nobody else has, one more for each join. */
  readonly firstScript: number;
  readonly lies?: Lies;
  send(rawTx: Uint8Array): void;
}

interface Session {
  readonly fill: Fill;
  readonly keys: BoxKeys;
  readonly box: Box;
  promised?: {
    readonly coins: readonly KeyedCoin[];
    readonly inputs: MakerInputs;
    readonly coinjoinScript: Uint8Array;
    readonly changeScript: Uint8Array;
  };
}

export class ScriptedMaker {
  readonly #options: ScriptedMakerOptions;
  readonly #offer: Offer;
  readonly #sessions = new Map<string, Session>();
  #scripts = 0;
  /** Every transaction that it has signed. */
  readonly signed: Transaction[] = [];
  /** Every commitment that it was shown open. */
  readonly opened: string[] = [];

  constructor(options: ScriptedMakerOptions) {
    this.#options = options;
    this.#offer = ownOffer(options.offer);
  }

  get coins(): readonly KeyedCoin[] {
    return this.#options.coins();
  }

  get nick(): string {
    return this.#options.market.nick;
  }

  async start(): Promise<void> {
    await this.#options.market.start({
      onPublic: ({ from, text }) => {
        if (text !== "orderbook") return;
        const bond = this.#options.lies?.bondProof?.({ maker: this.nick, taker: from });
        this.#tell(from, writeAnswer([this.#offer], bond));
      },
      onPrivate: ({ from, text }) => {
        for (const command of readCommands(text)) this.#listen(from, command);
      },
    });
  }

  stop(): Promise<void> {
    return this.#options.market.close();
  }

  /** What it cannot read it passes over, as the peers do. */
  #listen(from: string, command: Command): void {
    try {
      this.#hear(from, command);
    } catch (error) {
      const { code = "" } = error as { code?: string };
      if (!/^(JOINMARKET|BITCOIN)_/.test(code)) throw error;
    }
  }

  #hear(from: string, command: Command): void {
    const session = this.#sessions.get(from);
    if (command.name === "fill") this.#onFill(from, parseFill(command));
    else if (command.name === "auth" && session !== undefined) this.#onAuth(from, session, command);
    else if (command.name === "tx" && session !== undefined) this.#onTransaction(from, session, command);
    else if (command.name === "push" && this.#options.lies?.isPushing !== false) {
      this.#options.send(parseBytes("push", command.args.join("")));
    }
  }

  #onFill(from: string, fill: Fill): void {
    const keys = new BoxKeys((lengthBytes) => randomBytes(lengthBytes));
    this.#sessions.set(from, { fill, keys, box: keys.boxWith(fill.encryptionKey) });
    const key = writeMakerKey({ encryptionKey: keys.publicKey, features: new Set() });
    this.#tell(from, this.#options.lies?.key?.(key) ?? key);
  }

  #onAuth(from: string, session: Session, { args }: Command): void {
    const text = session.box.open(args.join(""));
    if (text === undefined) return;
    const opening = parseRevelation(text);
    const commitment = session.fill.commitment.slice(1);
    if (verifyOpening(opening, commitment) === undefined) return;
    this.opened.push(commitment);
    session.promised ??= this.#promise(session);
    const { inputs } = session.promised;
    const lies = this.#options.lies;
    const said = lies?.inputs === undefined ? inputs : lies.inputs(inputs);
    if (said === undefined) return;
    const plain = writeMakerInputs(said);
    this.#tell(from, writeCommand("ioauth", session.box.seal(lies?.inputsText?.(plain) ?? plain)));
  }

  #promise({ keys }: Session): NonNullable<Session["promised"]> {
    const coins = this.#options.coins();
    const [first] = coins;
    if (first === undefined) throw new Error("a maker without coins");
    const at = this.#options.firstScript + 2 * this.#scripts++;
    const coinjoinScript = scriptNumber(at);
    const changeScript = scriptNumber(at + 1);
    const inputs = {
      coins: coins.map(({ txid, vout }) => ({ txid, vout })),
      publicKey: bytesToHex(publicKeyOf(first.privateKey)),
      coinjoinAddress: addressOfScript(coinjoinScript, regtest) ?? "",
      changeAddress: addressOfScript(changeScript, regtest) ?? "",
      signature: vouchFor(keys.publicKey, first.privateKey),
    };
    return { coins, inputs, coinjoinScript, changeScript };
  }

  #onTransaction(from: string, session: Session, { args }: Command): void {
    const text = session.box.open(args.join(""));
    if (text === undefined || session.promised === undefined) return;
    const transaction = parseTransaction(parseBytes("tx", text));
    const { amountSat } = session.fill;
    const { lies } = this.#options;
    const { coins } = session.promised;
    const verdict = checkAsMaker(transaction, {
      network: regtest,
      coins,
      amountSat,
      coinjoinFeeSat: offerFeeSat(this.#offer.fee, amountSat),
      txfeeSat: this.#offer.txfeeSat,
      coinjoinScript: session.promised.coinjoinScript,
      changeScript: session.promised.changeScript,
    });
    if (!verdict.isGood) return;
    this.signed.push(transaction);
    const truth = signInputs(
      transaction,
      coins.map(({ privateKey, valueSat, scriptPubKey }, i) => ({
        index: verdict.ownInputs[i] ?? -1,
        spent: { amountSat: BigInt(valueSat), scriptPubKey },
        privateKey,
      })),
    );
    for (const signed of lies?.signatures?.(truth, transaction) ?? truth) {
      const bytes = signatureScript(signed);
      this.#tell(
        from,
        writeCommand("sig", session.box.seal(writeBytes(lies?.signatureBytes?.(bytes) ?? bytes))),
      );
    }
  }

  #tell(nick: string, text: string): void {
    // A taker that has gone meanwhile is no fault of the maker's.
    this.#options.market.tell(nick, text).catch(() => undefined);
  }
}
