/** A test's keys: makes an output of each kind of script and spends it again, with bitcoinjs-lib as the second opinion. */
import { script as bscript, crypto, initEccLib, networks, payments, Transaction } from "bitcoinjs-lib";
import * as ecc from "tiny-secp256k1";

initEccLib(ecc);

export const SCRIPT_KINDS = [
  "p2pk",
  "multisig",
  "p2pkh",
  "p2sh",
  "p2sh-p2wpkh",
  "p2wpkh",
  "p2wsh",
  "p2tr",
  "p2tr-script",
] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

export interface OwnedCoin {
  /** Display order. */
  readonly txid: string;
  readonly index: number;
  readonly amountSat: bigint;
  readonly kind: ScriptKind;
}

export interface SpendOptions {
  readonly version?: number;
  readonly locktime?: number;
  readonly sequence?: number;
  /** Signs for another amount or message: a spend that must be refused. */
  readonly isForged?: boolean;
}

const network = networks.regtest;
const { OPS } = bscript;

export class CoinOwner {
  readonly #privateKey: Uint8Array;
  readonly #secondKey: Uint8Array;
  readonly #publicKey: Uint8Array;
  readonly #secondPublicKey: Uint8Array;

  constructor(seed: string) {
    this.#privateKey = crypto.sha256(Buffer.from(`${seed} first`));
    this.#secondKey = crypto.sha256(Buffer.from(`${seed} second`));
    this.#publicKey = ecc.pointFromScalar(this.#privateKey, true) as Uint8Array;
    this.#secondPublicKey = ecc.pointFromScalar(this.#secondKey, true) as Uint8Array;
  }

  scriptPubKey(kind: ScriptKind): Uint8Array {
    return this.#payment(kind).output as Uint8Array;
  }

  /** Of a kind that has one. */
  address(kind: ScriptKind): string {
    return this.#payment(kind).address as string;
  }

  /** A signed transaction from these coins to these outputs. */
  spend(
    coins: readonly OwnedCoin[],
    outputs: readonly { readonly kind: ScriptKind; readonly amountSat: bigint }[],
    options: SpendOptions = {},
  ): { readonly txid: string; readonly hex: string } {
    const transaction = new Transaction();
    transaction.version = options.version ?? 2;
    transaction.locktime = options.locktime ?? 0;
    for (const coin of coins) {
      const hash = Buffer.from(coin.txid, "hex").reverse();
      transaction.addInput(hash, coin.index, options.sequence ?? 0xffff_fffd);
    }
    for (const { kind, amountSat } of outputs) transaction.addOutput(this.scriptPubKey(kind), amountSat);
    const signed = coins.map((coin, i) =>
      this.#unlock(transaction, coins, i, coin, options.isForged === true),
    );
    signed.forEach(({ scriptSig, witness }, i) => {
      transaction.setInputScript(i, scriptSig);
      transaction.setWitness(i, witness);
    });
    return { txid: transaction.getId(), hex: transaction.toHex() };
  }

  #payment(kind: ScriptKind): payments.Payment {
    const pubkey = this.#publicKey;
    switch (kind) {
      case "p2pk":
        return payments.p2pk({ pubkey, network });
      case "multisig":
        return payments.p2ms({ m: 1, pubkeys: [pubkey, this.#secondPublicKey], network });
      case "p2pkh":
        return payments.p2pkh({ pubkey, network });
      case "p2sh":
        return payments.p2sh({ redeem: this.#twoOfTwo(), network });
      case "p2sh-p2wpkh":
        return payments.p2sh({ redeem: payments.p2wpkh({ pubkey, network }), network });
      case "p2wpkh":
        return payments.p2wpkh({ pubkey, network });
      case "p2wsh":
        return payments.p2wsh({ redeem: this.#twoOfTwo(), network });
      case "p2tr":
        return payments.p2tr({ internalPubkey: this.#xOnly(), network });
      case "p2tr-script": {
        const leaf = { output: this.#leaf() };
        return payments.p2tr({ internalPubkey: this.#xOnly(), scriptTree: leaf, redeem: leaf, network });
      }
    }
  }

  #unlock(
    transaction: Transaction,
    coins: readonly OwnedCoin[],
    i: number,
    coin: OwnedCoin,
    isForged: boolean,
  ): { scriptSig: Uint8Array; witness: Uint8Array[] } {
    const none = new Uint8Array(0);
    const payment = this.#payment(coin.kind);
    const output = payment.output as Uint8Array;
    const amount = isForged ? coin.amountSat + 1n : coin.amountSat;
    const spoil = (hash: Uint8Array) => (isForged ? crypto.sha256(hash) : hash);
    const legacy = (code: Uint8Array, key = this.#privateKey) =>
      encode(ecc.sign(spoil(transaction.hashForSignature(i, code, Transaction.SIGHASH_ALL)), key));
    const segwit = (code: Uint8Array, key = this.#privateKey) =>
      encode(ecc.sign(transaction.hashForWitnessV0(i, code, amount, Transaction.SIGHASH_ALL), key));
    const taproot = (leafHash?: Uint8Array) =>
      spoil(
        transaction.hashForWitnessV1(
          i,
          coins.map((of) => this.scriptPubKey(of.kind)),
          coins.map((of) => of.amountSat),
          Transaction.SIGHASH_DEFAULT,
          leafHash,
        ),
      );
    const both = (sign: (code: Uint8Array, key?: Uint8Array) => Uint8Array, code: Uint8Array) => [
      sign(code),
      sign(code, this.#secondKey),
    ];
    switch (coin.kind) {
      case "p2pk":
        return { scriptSig: bscript.compile([legacy(output)]), witness: [] };
      case "multisig":
        return { scriptSig: bscript.compile([OPS["OP_0"] as number, legacy(output)]), witness: [] };
      case "p2pkh":
        return { scriptSig: bscript.compile([legacy(output), this.#publicKey]), witness: [] };
      case "p2sh": {
        const redeem = this.#twoOfTwo().output as Uint8Array;
        return {
          scriptSig: bscript.compile([OPS["OP_0"] as number, ...both(legacy, redeem), redeem]),
          witness: [],
        };
      }
      case "p2sh-p2wpkh": {
        const redeem = payment.redeem?.output as Uint8Array;
        return {
          scriptSig: bscript.compile([redeem]),
          witness: [segwit(this.#keyHashCode()), this.#publicKey],
        };
      }
      case "p2wpkh":
        return { scriptSig: none, witness: [segwit(this.#keyHashCode()), this.#publicKey] };
      case "p2wsh": {
        const redeem = this.#twoOfTwo().output as Uint8Array;
        return { scriptSig: none, witness: [none, ...both(segwit, redeem), redeem] };
      }
      case "p2tr":
        return { scriptSig: none, witness: [ecc.signSchnorr(taproot(), this.#tweakedKey())] };
      case "p2tr-script": {
        const witness = payment.witness as Uint8Array[];
        const leafHash = crypto.taggedHash(
          "TapLeaf",
          Buffer.concat([Buffer.from([0xc0, this.#leaf().length]), this.#leaf()]),
        );
        return {
          scriptSig: none,
          witness: [ecc.signSchnorr(taproot(leafHash), this.#privateKey), ...witness.slice(-2)],
        };
      }
    }
  }

  #twoOfTwo(): payments.Payment {
    return payments.p2ms({ m: 2, pubkeys: [this.#publicKey, this.#secondPublicKey], network });
  }

  #xOnly(): Uint8Array {
    return this.#publicKey.subarray(1);
  }

  #leaf(): Uint8Array {
    return bscript.compile([this.#xOnly(), OPS["OP_CHECKSIG"] as number]);
  }

  #keyHashCode(): Uint8Array {
    return payments.p2pkh({ pubkey: this.#publicKey, network }).output as Uint8Array;
  }

  #tweakedKey(): Uint8Array {
    const isOdd = this.#publicKey[0] === 3;
    const even = isOdd ? ecc.privateNegate(this.#privateKey) : this.#privateKey;
    return ecc.privateAdd(even, crypto.taggedHash("TapTweak", this.#xOnly())) as Uint8Array;
  }
}

function encode(signature: Uint8Array): Uint8Array {
  return bscript.signature.encode(signature, Transaction.SIGHASH_ALL);
}
