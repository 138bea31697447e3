/** A taker for tests of makers: it says each step when it is told to, and remembers what it was answered. */
import { randomBytes, randomInt } from "node:crypto";
import { hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../../bitcoin/keys/curve.ts";
import { keyScript } from "../../../bitcoin/keys/key-script.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { type SignedInput, signInputs, withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import { serializeStripped, type Transaction } from "../../../bitcoin/transaction.ts";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { offerFeeSat } from "../../../joinmarket/coinjoin/offer-fee.ts";
import type { CoinjoinCoin } from "../../../joinmarket/coinjoin/own-side.ts";
import { buildCoinjoin } from "../../../joinmarket/coinjoin/shape.ts";
import { matchSignature } from "../../../joinmarket/coinjoin/signature-script.ts";
import { type Box, BoxKeys } from "../../../joinmarket/messages/box.ts";
import { parseBytes, writeBytes } from "../../../joinmarket/messages/bytes.ts";
import { readCommands, sealedOf, writeCommand } from "../../../joinmarket/messages/command.ts";
import { parseMakerKey, writeFill } from "../../../joinmarket/messages/fill.ts";
import { isVouched, type MakerInputs, parseMakerInputs } from "../../../joinmarket/messages/inputs.ts";
import { readAnswer } from "../../../joinmarket/offer/announcement.ts";
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import { makeCommitment } from "../../../joinmarket/podle/commitment.ts";
import { formatRevelation } from "../../../joinmarket/podle/revelation.ts";
import { scriptNumber } from "../joinmarket/parties.ts";

export interface TakerCoin extends CoinjoinCoin {
  readonly privateKey: Uint8Array;
}

/** Scripts of nobody else in these tests. */
const DESTINATION = scriptNumber(9_001);
const CHANGE = scriptNumber(9_002);
const MINER_FEE_SAT = 2_000;

export class TestTaker {
  readonly market: Market;
  readonly coin: TakerCoin;
  readonly offers: Offer[] = [];
  readonly errors: string[] = [];
  readonly signatures: Uint8Array[] = [];
  readonly bonds: string[] = [];
  makerKeys: string[] = [];
  inputs: MakerInputs[] = [];
  amountSat = 0;
  #keys = new BoxKeys(randomBytes);
  #box: Box | undefined;
  #tries = 0;
  #revelation = "";

  constructor(market: Market, coin: TakerCoin) {
    this.market = market;
    this.coin = coin;
  }

  async start(): Promise<void> {
    await this.market.start({
      onPrivate: ({ text }) => passingOver(() => this.#hear(text)),
      onPublic: ({ text }) => passingOver(() => this.#takeOffers(text)),
    });
  }

  orderbook(): void {
    this.market.announce("orderbook");
  }

  /** The commitment of this try: each index once, and after them the same again. */
  async fill(maker: string, offer: Pick<Offer, "offerId">, amountSat: number): Promise<string> {
    const { commitment, opening } = makeCommitment(this.coin, this.#tries++ % 3);
    this.#revelation = formatRevelation(opening);
    this.#keys = new BoxKeys(randomBytes);
    this.#box = undefined;
    this.makerKeys = [];
    this.inputs = [];
    this.signatures.length = 0;
    this.amountSat = amountSat;
    const text = writeFill({
      offerId: offer.offerId,
      amountSat,
      encryptionKey: this.#keys.publicKey,
      commitment,
    });
    await this.market.tell(maker, text);
    return text;
  }

  /** Anything else than the true revelation is a lie. */
  async auth(maker: string, revelation: string = this.#revelation): Promise<string> {
    const text = writeCommand("auth", this.sealed(revelation));
    await this.market.tell(maker, text);
    return text;
  }

  get revelation(): string {
    return this.#revelation;
  }

  sealed(plainText: string): string {
    if (this.#box === undefined) throw new Error("the maker has given no key");
    return this.#box.seal(plainText);
  }

  async tx(maker: string, transaction: Transaction): Promise<string> {
    const text = writeCommand("tx", this.sealed(writeBytes(serializeStripped(transaction))));
    await this.market.tell(maker, text);
    return text;
  }

  /** The coinjoin with one maker, as an honest taker builds it. */
  build(offer: Offer, makerCoins: readonly CoinjoinCoin[]): Transaction {
    const inputs = this.inputs[0];
    if (inputs === undefined) throw new Error("the maker has promised nothing");
    return buildCoinjoin(
      {
        taker: { coins: [this.coin], destinationScript: DESTINATION, changeScript: CHANGE },
        makers: [
          {
            coins: makerCoins,
            coinjoinScript: scriptOfAddress(inputs.coinjoinAddress, regtest),
            changeScript: scriptOfAddress(inputs.changeAddress, regtest),
            coinjoinFeeSat: offerFeeSat(offer.fee, this.amountSat),
            txfeeSat: offer.txfeeSat,
          },
        ],
        amountSat: this.amountSat,
        minerFeeSat: MINER_FEE_SAT,
        tipHeight: 100,
      },
      (end) => randomInt(end),
    );
  }

  /** With the maker's signatures and our own; nothing while one is missing or wrong. */
  finish(transaction: Transaction, makerCoins: readonly CoinjoinCoin[]): Transaction | undefined {
    const spent = (coin: CoinjoinCoin) => ({
      amountSat: BigInt(coin.valueSat),
      scriptPubKey: coin.scriptPubKey,
    });
    const places = new Map(
      transaction.inputs.map((input, index) => [
        `${Buffer.from(input.previousTxidBytes).toString("hex")}:${input.previousIndex}`,
        index,
      ]),
    );
    const at = (coin: CoinjoinCoin) =>
      places.get(`${Buffer.from(hexToBytes(coin.txid)).reverse().toString("hex")}:${coin.vout}`) ?? -1;
    const signed: SignedInput[] = [];
    for (const bytes of this.signatures) {
      const unsigned = makerCoins
        .map((coin) => ({ index: at(coin), spent: spent(coin) }))
        .filter(({ index }) => signed.every((one) => one.index !== index));
      const match = matchSignature(transaction, bytes, unsigned);
      if (match !== undefined) signed.push(match);
    }
    if (signed.length < makerCoins.length) return undefined;
    const own = signInputs(transaction, [
      { index: at(this.coin), spent: spent(this.coin), privateKey: this.coin.privateKey },
    ]);
    return withSignedInputs(transaction, [...signed, ...own]);
  }

  #hear(text: string): void {
    this.#takeOffers(text);
    for (const command of readCommands(text)) {
      if (command.name === "error") this.errors.push(command.args.join(" "));
      if (command.name === "pubkey") this.#takeKey(parseMakerKey(command).encryptionKey);
      const opened = this.#box?.open(sealedOf(command));
      if (opened === undefined) continue;
      if (command.name === "ioauth") this.#takeInputs(parseMakerInputs(opened));
      if (command.name === "sig") this.signatures.push(parseBytes("sig", opened));
    }
  }

  #takeOffers(text: string): void {
    const { offers, bondProof } = readAnswer(text);
    for (const reading of offers) if (reading.isGood) this.offers.push(reading.offer);
    if (bondProof !== undefined) this.bonds.push(bondProof);
  }

  #takeKey(key: string): void {
    this.makerKeys.push(key);
    this.#box ??= this.#keys.boxWith(key);
  }

  #takeInputs(inputs: MakerInputs): void {
    if (!isVouched(this.makerKeys[0] ?? "", inputs)) throw new Error("the maker's coin vouches for no key");
    this.inputs.push(inputs);
  }
}

/** What cannot be read is passed over, as the peers do. */
function passingOver(hear: () => void): void {
  try {
    hear();
  } catch (error) {
    const { code = "" } = error as { code?: string };
    if (!/^(JOINMARKET|BITCOIN)_/.test(code)) throw error;
  }
}

/** A coin of a taker, before the chain has it. */
export function takerCoin(number: number, valueSat: number, txid: string, vout: number): TakerCoin {
  const privateKey = new Uint8Array(32).fill(number);
  const scriptPubKey = keyScript(publicKeyOf(privateKey), "p2wpkh");
  return { txid: parseTxid(txid), vout, valueSat, scriptPubKey, privateKey };
}
