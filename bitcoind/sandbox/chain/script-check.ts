/** Runs the scripts of a transaction on bitcore-lib's interpreter; the sandbox's answer to "may this coin be spent so?". */
import bitcore from "bitcore-lib";
import {
  serializeTransaction,
  type Transaction,
  type TransactionOutput,
} from "../../../bitcoin/transaction.ts";

const { Script, Transaction: BitcoreTransaction } = bitcore;
const { Interpreter } = Script;

/** `consensus`: what a block must keep. `policy`: what a node asks besides before it relays. */
export type ScriptRules = "consensus" | "policy";

/** Verified transactions are remembered, so that mining does not run the scripts again. */
const REMEMBERED_MAX = 50_000;

const CONSENSUS_FLAGS =
  Interpreter.SCRIPT_VERIFY_P2SH |
  Interpreter.SCRIPT_VERIFY_DERSIG |
  Interpreter.SCRIPT_VERIFY_NULLDUMMY |
  Interpreter.SCRIPT_VERIFY_CHECKLOCKTIMEVERIFY |
  Interpreter.SCRIPT_VERIFY_CHECKSEQUENCEVERIFY |
  Interpreter.SCRIPT_VERIFY_WITNESS |
  Interpreter.SCRIPT_VERIFY_TAPROOT;

/** Bitcoin Core's standard flags without CLEANSTACK (the interpreter gets it wrong after a witness program) and CONST_SCRIPTCODE. */
const POLICY_FLAGS =
  CONSENSUS_FLAGS |
  Interpreter.SCRIPT_VERIFY_STRICTENC |
  Interpreter.SCRIPT_VERIFY_LOW_S |
  Interpreter.SCRIPT_VERIFY_MINIMALDATA |
  Interpreter.SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_NOPS |
  Interpreter.SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM |
  Interpreter.SCRIPT_VERIFY_MINIMALIF |
  Interpreter.SCRIPT_VERIFY_NULLFAIL |
  Interpreter.SCRIPT_VERIFY_WITNESS_PUBKEYTYPE |
  Interpreter.SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION |
  Interpreter.SCRIPT_VERIFY_DISCOURAGE_OP_SUCCESS |
  Interpreter.SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_PUBKEYTYPE;

export class ScriptChecker {
  /** wtxids whose scripts passed the policy rules, which are stricter than consensus. */
  readonly #passed = new Set<string>();

  /** What is wrong with the first input that fails, or nothing. `spent` are the coins, one for each input. */
  check(
    transaction: Transaction,
    wtxid: string,
    spent: readonly TransactionOutput[],
    rules: ScriptRules,
  ): string | undefined {
    if (this.#passed.has(wtxid)) return undefined;
    const failure = runScripts(transaction, spent, rules === "policy" ? POLICY_FLAGS : CONSENSUS_FLAGS);
    if (failure === undefined && rules === "policy") this.#remember(wtxid);
    return failure;
  }

  #remember(wtxid: string): void {
    if (this.#passed.size >= REMEMBERED_MAX) this.#passed.clear();
    this.#passed.add(wtxid);
  }
}

function runScripts(
  transaction: Transaction,
  spent: readonly TransactionOutput[],
  flags: number,
): string | undefined {
  try {
    const parsed = new BitcoreTransaction(Buffer.from(serializeTransaction(transaction)));
    parsed.inputs.forEach((input, i) => {
      const { amountSat, scriptPubKey } = spent[i] as TransactionOutput;
      input.output = new BitcoreTransaction.Output({
        script: new Script(Buffer.from(scriptPubKey)),
        satoshis: Number(amountSat),
      });
    });
    for (const [i, input] of parsed.inputs.entries()) {
      const interpreter = new Interpreter();
      const amountSat = Number((spent[i] as TransactionOutput).amountSat);
      const witness = (transaction.inputs[i]?.witness ?? []).map((item) => Buffer.from(item));
      if (!interpreter.verify(input.script, input.output.script, parsed, i, flags, witness, amountSat)) {
        return `input ${i}: ${interpreter.errstr || "SCRIPT_ERR_UNKNOWN"}`;
      }
    }
    return undefined;
  } catch (error) {
    // The interpreter throws on some malformed scripts and keys; whatever it cannot run is not a valid spend.
    return error instanceof Error ? error.message : String(error);
  }
}
