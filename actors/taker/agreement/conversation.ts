/** The talk with one maker, from our question to its last signature; whatever it says twice, late or wrong changes nothing else. */
import { base64ToBytes, hexToBytes } from "../../../bitcoin/bytes.ts";
import type { SignedInput } from "../../../bitcoin/signing/inputs.ts";
import { serializeStripped, type Transaction } from "../../../bitcoin/transaction.ts";
import { indexesOf } from "../../../joinmarket/coinjoin/own-side.ts";
import type { MakerPart } from "../../../joinmarket/coinjoin/shape.ts";
import { matchSignature, type UnsignedInput } from "../../../joinmarket/coinjoin/signature-script.ts";
import type { AnswerVerdict, MakerAnswer } from "../../../joinmarket/coinjoin/taker-check.ts";
import type { Box, BoxKeys } from "../../../joinmarket/messages/box.ts";
import { parseBytes, writeBytes } from "../../../joinmarket/messages/bytes.ts";
import { type Command, writeCommand } from "../../../joinmarket/messages/command.ts";
import { EXTENDED_COINS, parseMakerKey, writeFill } from "../../../joinmarket/messages/fill.ts";
import { type MakerInputs, parseMakerInputs } from "../../../joinmarket/messages/inputs.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import { printableText } from "../../../runtime/log/printable.ts";

export type TalkState = "asked" | "keyed" | "judged" | "good" | "signing" | "signed" | "failed";

export interface TalkFault {
  readonly why: string;
  /** It is not to blame: it may be asked again. */
  readonly isExcused: boolean;
}

export interface TalkParts {
  readonly keys: BoxKeys;
  readonly amountSat: number;
  readonly commitment: string;
  /** The opening of the commitment, as it is sent. */
  readonly revelation: string;
  /** The same with the coin's script and height, for makers that have no index; nothing when they are not known. */
  extended(): Promise<string | undefined>;
  tell(text: string): Promise<void>;
  /** Looks up the coins that a maker names, and judges its answer. */
  judge(answer: Omit<MakerAnswer, "coins">, inputs: MakerInputs): Promise<AnswerVerdict>;
  changed(): void;
}

const REASON_LENGTH_MAX = 100;

export class Conversation {
  readonly candidate: Candidate;
  readonly #parts: TalkParts;
  #state: TalkState = "asked";
  #fault: TalkFault | undefined;
  #part: MakerPart | undefined;
  #box: Box | undefined;
  #theirKey = "";
  #transaction: Transaction | undefined;
  #unsigned: readonly UnsignedInput[] = [];
  #signed: readonly SignedInput[] = [];

  constructor(candidate: Candidate, parts: TalkParts) {
    this.candidate = candidate;
    this.#parts = parts;
  }

  get state(): TalkState {
    return this.#state;
  }

  get fault(): TalkFault | undefined {
    return this.#fault;
  }

  /** What it brings to the transaction, once that is found good. */
  get part(): MakerPart | undefined {
    return this.#part;
  }

  get signed(): readonly SignedInput[] {
    return this.#signed;
  }

  get isAnswered(): boolean {
    return this.#state === "good" || this.#state === "failed";
  }

  ask(): void {
    const { keys, amountSat, commitment } = this.#parts;
    const { offerId } = this.candidate.offer;
    this.#tell(writeFill({ offerId, amountSat, encryptionKey: keys.publicKey, commitment }));
  }

  /** Shows it the transaction; its signatures are expected from then on. */
  askSignature(transaction: Transaction): void {
    const coins = this.#part?.coins ?? [];
    const indexes = indexesOf(transaction, coins) ?? [];
    this.#transaction = transaction;
    this.#unsigned = coins.map(({ valueSat, scriptPubKey }, i) => ({
      index: indexes[i] ?? -1,
      spent: { amountSat: BigInt(valueSat), scriptPubKey },
    }));
    this.#become("signing");
    const sealed = this.#box?.seal(writeBytes(serializeStripped(transaction)));
    if (sealed !== undefined) this.#tell(writeCommand("tx", sealed));
  }

  hear(command: Command): void {
    try {
      if (command.name === "error") this.#onError(command);
      else if (command.name === "pubkey" && this.#state === "asked") this.#onKey(command);
      else if (command.name === "ioauth" && this.#state === "keyed") this.#onInputs(command);
      else if (command.name === "sig" && this.#state === "signing") this.#onSignature(command);
    } catch (error) {
      if (!hasCode(error, "JOINMARKET_BAD_MESSAGE")) throw error;
      this.fail(error.message);
    }
  }

  fail(why: string, isExcused = false): void {
    if (this.#state === "failed" || this.#state === "signed") return;
    this.#fault = { why: printableText(why, REASON_LENGTH_MAX), isExcused };
    this.#become("failed");
  }

  wipe(): void {
    this.#box?.wipe();
    this.#box = undefined;
  }

  #onKey(command: Command): void {
    const { encryptionKey, features } = parseMakerKey(command);
    this.#box = this.#parts.keys.boxWith(encryptionKey);
    this.#theirKey = encryptionKey;
    this.#become("keyed");
    const { revelation } = this.#parts;
    // Others fail on the longer form.
    if (!features.has(EXTENDED_COINS)) return this.#open(revelation);
    this.#parts.extended().then(
      (text) => this.#open(text ?? revelation),
      // Our own index or mempool: a maker with an index of its own needs no more than this.
      () => this.#open(revelation),
    );
  }

  #open(revelation: string): void {
    const sealed = this.#box?.seal(revelation);
    if (sealed !== undefined && this.#state === "keyed") this.#tell(writeCommand("auth", sealed));
  }

  #onInputs(command: Command): void {
    const text = this.#opened(command);
    if (text === undefined) return;
    const inputs = parseMakerInputs(text);
    this.#become("judged");
    const { offer, feeSat } = this.candidate;
    const answer = {
      authPublicKey: hexToBytes(inputs.publicKey),
      authSignatureDer: base64ToBytes(inputs.signature) ?? new Uint8Array(0),
      encryptionKeyHex: this.#theirKey,
      coinjoinAddress: inputs.coinjoinAddress,
      changeAddress: inputs.changeAddress,
      coinjoinFeeSat: feeSat,
      txfeeSat: offer.txfeeSat,
    };
    this.#parts.judge(answer, inputs).then(
      (verdict) => {
        if (this.#state !== "judged") return;
        if (!verdict.isGood) {
          // Of two that name one coin nobody knows yet who lies: it is the one that will not sign.
          return this.fail(
            `its answer is not to be taken: ${verdict.refusal}`,
            verdict.refusal === "coin-twice",
          );
        }
        this.#part = verdict.part;
        this.#become("good");
      },
      // Our own index or mempool: the maker has done nothing wrong.
      (error) => this.fail(`its coins could not be looked up (${toWireError(error).code})`, true),
    );
  }

  #onSignature(command: Command): void {
    const text = this.#opened(command);
    const transaction = this.#transaction;
    if (text === undefined || transaction === undefined) return;
    const signed = matchSignature(transaction, parseBytes("sig", text), this.#unsigned);
    // Repeated, or of nothing that is wanted: peers pass over it, and the time decides.
    if (signed === undefined) return;
    this.#signed = [...this.#signed, signed];
    this.#unsigned = this.#unsigned.filter(({ index }) => index !== signed.index);
    if (this.#unsigned.length === 0) this.#become("signed");
  }

  #onError({ args }: Command): void {
    const text = args.join(" ");
    this.fail(`it refuses: ${text}`, /blacklist/i.test(text));
  }

  /** What cannot be opened was not sealed for us: it is dropped, and the talk goes on. */
  #opened({ args }: Command): string | undefined {
    return this.#box?.open(args.join(""));
  }

  #tell(text: string): void {
    this.#parts.tell(text).catch(() => this.fail("it is gone from the market"));
  }

  #become(state: TalkState): void {
    this.#state = state;
    this.#parts.changed();
  }
}
