/** A partially signed transaction, version 0 or 2, as it travels between wallets: made, read, signed in part, finished. */
import { Psbt as LibraryPsbt } from "bitcoinjs-lib/src/psbt";
import { bytesToHex, equalBytes, hexToBytes } from "../bytes.ts";
import { badPsbt, notSigned } from "../errors.ts";
import { formatDerivationPath, parseDerivationPath } from "../keys/derivation-path.ts";
import { SIGHASH_ALL } from "../signing/der.ts";
import { assembleInput, isInputSigned, type SignedInput, withSignedInputs } from "../signing/inputs.ts";
import { parseWitness, serializeWitness } from "../signing/witness-stack.ts";
import {
  parseTransaction,
  serializeStripped,
  type Transaction,
  type TransactionOutput,
  txidBytesOf,
} from "../transaction.ts";
import { FINAL, GLOBAL, type PsbtVersion, readMaps, unsignedTransactionOf, writeMaps } from "./maps.ts";
import { type OnlyInTwo, toVersionTwo, toVersionZero } from "./version-two.ts";

/** Where a key is in its wallet's tree, so that its signer finds it. */
export interface KeyOrigin {
  readonly publicKey: Uint8Array;
  /** Of the wallet's root key, eight hex digits. */
  readonly fingerprint: string;
  readonly steps: readonly number[];
}

/** What a signer needs to know of an input. */
export interface PsbtInputFacts {
  readonly spent: TransactionOutput;
  /** Devices ask for it, as an amount alone can lie. */
  readonly previousTransaction?: Uint8Array;
  readonly redeemScript?: Uint8Array;
  readonly witnessScript?: Uint8Array;
  readonly origin?: KeyOrigin;
}

export interface PsbtOutputFacts {
  readonly redeemScript?: Uint8Array;
  readonly witnessScript?: Uint8Array;
  readonly origin?: KeyOrigin;
}

export interface FinishedPsbt {
  readonly transaction: Transaction;
  /** The inputs that are not wholly signed yet; none: the transaction can be sent. */
  readonly unsignedInputs: readonly number[];
}

/** What a wallet knows of a coin by itself, whatever a PSBT tells of it. */
export interface KnownCoin {
  readonly spent: TransactionOutput;
  readonly witnessScript?: Uint8Array;
}

/** The library's field of a key's origin. */
interface LibraryOrigin {
  readonly masterFingerprint: Uint8Array;
  readonly pubkey: Uint8Array;
  readonly path: string;
}

export class Psbt {
  /** The version it was read in. */
  readonly version: PsbtVersion;
  /** Without any signature. */
  readonly transaction: Transaction;
  readonly #library: LibraryPsbt;
  readonly #onlyInTwo: OnlyInTwo | undefined;

  private constructor(library: LibraryPsbt, version: PsbtVersion, onlyInTwo: OnlyInTwo | undefined) {
    this.#library = library;
    this.version = version;
    this.#onlyInTwo = onlyInTwo;
    this.transaction = unsignedTransactionOf(readMaps(library.toBuffer()).global);
  }

  static create(
    unsigned: Transaction,
    inputs: readonly PsbtInputFacts[],
    outputs: readonly PsbtOutputFacts[],
  ): Psbt {
    if (inputs.length !== unsigned.inputs.length || outputs.length !== unsigned.outputs.length) {
      throw badPsbt("every input and output needs its facts");
    }
    const empty = [...inputs, ...outputs].map(() => new Map<string, Uint8Array>());
    const maps = {
      global: new Map([[GLOBAL.unsignedTransaction, serializeStripped(unsigned)]]),
      inputs: empty.slice(0, inputs.length),
      outputs: empty.slice(inputs.length),
    };
    const library = readLibrary(writeMaps(maps));
    for (const [index, facts] of inputs.entries()) {
      const { spent, previousTransaction, origin } = facts;
      library.updateInput(index, {
        witnessUtxo: { script: spent.scriptPubKey, value: spent.amountSat },
        ...(previousTransaction === undefined ? {} : { nonWitnessUtxo: previousTransaction }),
        ...scriptFields(facts),
        ...originField(origin),
      });
    }
    for (const [index, facts] of outputs.entries()) {
      library.updateOutput(index, { ...scriptFields(facts), ...originField(facts.origin) });
    }
    return new Psbt(library, 0, undefined);
  }

  /** Reads version 0 or 2. What it says of coins is somebody's word: a signer asks its own records. */
  static parse(bytes: Uint8Array): Psbt {
    const maps = readMaps(bytes);
    if (maps.version === 0) return new Psbt(readLibrary(bytes), 0, undefined);
    const zero = toVersionZero(maps);
    return new Psbt(readLibrary(writeMaps(zero.maps)), 2, zero.only);
  }

  /** A transaction that its signers have finished by themselves, as the PSBT that it was. */
  static ofSigned(transaction: Transaction): Psbt {
    const inputs = transaction.inputs.map(({ scriptSig, witness }) => {
      const map = new Map<string, Uint8Array>();
      if (scriptSig.length > 0) map.set(FINAL.scriptSig, scriptSig);
      if (witness.length > 0) map.set(FINAL.witness, serializeWitness(witness));
      return map;
    });
    const unsigned = transaction.inputs.map((input) => ({
      ...input,
      scriptSig: new Uint8Array(0),
      witness: [],
    }));
    const stripped = serializeStripped({ ...transaction, inputs: unsigned });
    const outputs = transaction.outputs.map(() => new Map<string, Uint8Array>());
    return Psbt.parse(
      writeMaps({ global: new Map([[GLOBAL.unsignedTransaction, stripped]]), inputs, outputs }),
    );
  }

  static parseBase64(text: string): Psbt {
    const bytes = Buffer.from(text.trim(), "base64");
    if (bytes.toString("base64") !== text.trim()) throw badPsbt("it is not written in base64");
    return Psbt.parse(bytes);
  }

  /** The coin that an input spends, if it is told; refused if what is told contradicts itself. */
  spent(index: number): TransactionOutput | undefined {
    const { witnessUtxo, nonWitnessUtxo } = this.#input(index);
    const told = witnessUtxo && { amountSat: witnessUtxo.value, scriptPubKey: witnessUtxo.script };
    if (nonWitnessUtxo === undefined) return told;
    const previous = attempt(() => parseTransaction(nonWitnessUtxo));
    const input = this.transaction.inputs[index] as Transaction["inputs"][number];
    const coin = previous.outputs[input.previousIndex];
    if (coin === undefined || !equalBytes(txidBytesOf(previous), input.previousTxidBytes)) {
      throw badPsbt(`input ${index} spends no output of the transaction it shows`);
    }
    if (
      told !== undefined &&
      !(told.amountSat === coin.amountSat && equalBytes(told.scriptPubKey, coin.scriptPubKey))
    ) {
      throw badPsbt(`input ${index} shows one coin and tells of another`);
    }
    return coin;
  }

  /** Whether the transaction that made the coin is there as a whole: only its hash vouches for an amount. */
  isProven(index: number): boolean {
    return this.#input(index).nonWitnessUtxo !== undefined;
  }

  /** Whether it is finished: nothing more can be signed. */
  isFinal(index: number): boolean {
    const { finalScriptSig, finalScriptWitness } = this.#input(index);
    return finalScriptSig !== undefined || finalScriptWitness !== undefined;
  }

  /** Whether an input asks for, or has, a signature that leaves parts of the transaction open. */
  leavesPartsOpen(index: number): boolean {
    const { sighashType = SIGHASH_ALL, partialSig = [] } = this.#input(index);
    return (
      sighashType !== SIGHASH_ALL || partialSig.some(({ signature }) => signature.at(-1) !== SIGHASH_ALL)
    );
  }

  witnessScript(index: number): Uint8Array | undefined {
    return this.#input(index).witnessScript;
  }

  /** Where the keys of an input are, in whosever wallet. */
  origins(index: number): readonly KeyOrigin[] {
    return originsOf(this.#input(index).bip32Derivation);
  }

  /** The same of an output: how a wallet knows its change. */
  outputOrigins(index: number): readonly KeyOrigin[] {
    return originsOf(this.#library.data.outputs[index]?.bip32Derivation);
  }

  /** Adds what is known of an input and was not told, so that whoever finishes it needs to know nothing else. */
  tell(index: number, { spent, origin, ...scripts }: PsbtInputFacts): void {
    const told = this.#input(index);
    const isTold = told.witnessUtxo !== undefined || told.nonWitnessUtxo !== undefined;
    const missing = {
      ...(isTold ? {} : { witnessUtxo: { script: spent.scriptPubKey, value: spent.amountSat } }),
      ...(told.bip32Derivation === undefined ? originField(origin) : {}),
      ...(told.redeemScript === undefined && told.witnessScript === undefined ? scriptFields(scripts) : {}),
    };
    attempt(() => this.#library.updateInput(index, missing));
  }

  /** Adds signatures of ours. Refused as a whole if an input is finished, or asks for a signature that leaves things open. */
  addSignatures(signed: readonly SignedInput[]): void {
    for (const { index } of signed) {
      if (this.leavesPartsOpen(index))
        throw notSigned(index, "it asks for a signature that leaves parts open");
      if (this.isFinal(index)) throw notSigned(index, "it is finished");
    }
    for (const { index, publicKey, signature } of signed) {
      const input = this.#input(index);
      const others = input.partialSig?.filter(({ pubkey }) => !equalBytes(pubkey, publicKey));
      // What somebody has put in place of ours would stand in its way.
      if (others !== undefined) input.partialSig = others;
      attempt(() => this.#library.updateInput(index, { partialSig: [{ pubkey: publicKey, signature }] }));
    }
  }

  /**
   * The transaction with all inputs for which there is a signature that holds, and which inputs still lack one. Of a coin
   * that `known` knows, what the PSBT tells counts for nothing, and a finished input must hold too.
   */
  finish(known: (index: number) => KnownCoin | undefined = () => undefined): FinishedPsbt {
    const signed = this.transaction.inputs.map((_, index) => this.#finished(index, known(index)));
    const unsignedInputs = signed.flatMap((input, index) => (input === undefined ? [index] : []));
    const done = signed.filter((input) => input !== undefined);
    return { transaction: withSignedInputs(this.transaction, done), unsignedInputs };
  }

  /** In the version it was read in, or another. */
  toBytes(version: PsbtVersion = this.version): Uint8Array {
    const zero = this.#library.toBuffer();
    if (version === 0) return zero;
    const isSigned = this.#library.data.inputs.some(({ partialSig = [] }) => partialSig.length > 0);
    return writeMaps(toVersionTwo(readMaps(zero), this.#onlyInTwo, isSigned));
  }

  toBase64(version: PsbtVersion = this.version): string {
    return Buffer.from(this.toBytes(version)).toString("base64");
  }

  #finished(
    index: number,
    known: KnownCoin | undefined,
  ): Pick<SignedInput, "index" | "scriptSig" | "witness"> | undefined {
    const { finalScriptSig, finalScriptWitness, partialSig = [] } = this.#input(index);
    if (this.isFinal(index)) {
      const scriptSig = finalScriptSig ?? new Uint8Array(0);
      const witness = finalScriptWitness === undefined ? [] : attempt(() => parseWitness(finalScriptWitness));
      const final = { index, scriptSig, witness };
      if (known === undefined) return final;
      return isInputSigned(withSignedInputs(this.transaction, [final]), index, known.spent)
        ? final
        : undefined;
    }
    const spent = known?.spent ?? this.spent(index);
    const witnessScript = known === undefined ? this.witnessScript(index) : known.witnessScript;
    if (spent === undefined) return undefined;
    for (const { pubkey, signature } of partialSig) {
      const by = { publicKey: pubkey, signature, ...(witnessScript === undefined ? {} : { witnessScript }) };
      const signed = assembleInput(this.transaction, index, spent, by);
      if (signed !== undefined) return signed;
    }
    return undefined;
  }

  #input(index: number): LibraryPsbt["data"]["inputs"][number] {
    const input = this.#library.data.inputs[index];
    if (input === undefined) throw badPsbt(`it has no input ${index}`);
    return input;
  }
}

function readLibrary(bytes: Uint8Array): LibraryPsbt {
  return attempt(() => LibraryPsbt.fromBuffer(bytes));
}

function scriptFields({
  redeemScript,
  witnessScript,
}: Pick<PsbtInputFacts, "redeemScript" | "witnessScript">) {
  return {
    ...(redeemScript === undefined ? {} : { redeemScript }),
    ...(witnessScript === undefined ? {} : { witnessScript }),
  };
}

function originField(origin: KeyOrigin | undefined) {
  if (origin === undefined) return {};
  const { publicKey, fingerprint, steps } = origin;
  const masterFingerprint = hexToBytes(fingerprint, "a fingerprint");
  return { bip32Derivation: [{ pubkey: publicKey, masterFingerprint, path: formatDerivationPath(steps) }] };
}

function originsOf(fields: readonly LibraryOrigin[] = []): readonly KeyOrigin[] {
  return fields.map(({ pubkey, masterFingerprint, path }) => ({
    publicKey: pubkey,
    fingerprint: bytesToHex(masterFingerprint),
    steps: attempt(() => parseDerivationPath(path)),
  }));
}

function attempt<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw badPsbt("it breaks the rules of the format", cause);
  }
}
