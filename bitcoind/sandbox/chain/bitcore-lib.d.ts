/** The part of bitcore-lib (which ships no types) that the sandbox uses: its script interpreter. */
declare module "bitcore-lib" {
  interface BitcoreScript {
    toBuffer(): Buffer;
  }

  interface BitcoreOutput {
    readonly script: BitcoreScript;
  }

  interface BitcoreInput {
    readonly script: BitcoreScript;
    /** The coin spent. Every input needs it before any is verified: a taproot signature covers all of them. */
    output: BitcoreOutput;
  }

  interface BitcoreTransaction {
    readonly inputs: BitcoreInput[];
  }

  interface BitcoreInterpreter {
    /** Why the last `verify` said false, such as `SCRIPT_ERR_EVAL_FALSE_IN_STACK`. */
    readonly errstr: string;
    verify(
      scriptSig: BitcoreScript,
      scriptPubkey: BitcoreScript,
      transaction: BitcoreTransaction,
      inputIndex: number,
      flags: number,
      witness: readonly Buffer[],
      /** The coin's amount; a wrong type makes segwit signatures fail without a word. */
      satoshis: number,
    ): boolean;
  }

  interface InterpreterStatic {
    new (): BitcoreInterpreter;
    readonly SCRIPT_VERIFY_P2SH: number;
    readonly SCRIPT_VERIFY_STRICTENC: number;
    readonly SCRIPT_VERIFY_DERSIG: number;
    readonly SCRIPT_VERIFY_LOW_S: number;
    readonly SCRIPT_VERIFY_NULLDUMMY: number;
    readonly SCRIPT_VERIFY_MINIMALDATA: number;
    readonly SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_NOPS: number;
    readonly SCRIPT_VERIFY_CHECKLOCKTIMEVERIFY: number;
    readonly SCRIPT_VERIFY_CHECKSEQUENCEVERIFY: number;
    readonly SCRIPT_VERIFY_WITNESS: number;
    readonly SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: number;
    readonly SCRIPT_VERIFY_MINIMALIF: number;
    readonly SCRIPT_VERIFY_NULLFAIL: number;
    readonly SCRIPT_VERIFY_WITNESS_PUBKEYTYPE: number;
    readonly SCRIPT_VERIFY_TAPROOT: number;
    readonly SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION: number;
    readonly SCRIPT_VERIFY_DISCOURAGE_OP_SUCCESS: number;
    readonly SCRIPT_VERIFY_DISCOURAGE_UPGRADABLE_PUBKEYTYPE: number;
  }

  interface ScriptStatic {
    (bytes: Buffer): BitcoreScript;
    readonly Interpreter: InterpreterStatic;
  }

  const bitcore: {
    readonly Script: ScriptStatic & (new (bytes: Buffer) => BitcoreScript);
    readonly Transaction: {
      new (bytes: Buffer): BitcoreTransaction;
      readonly Output: new (fields: { script: BitcoreScript; satoshis: number }) => BitcoreOutput;
    };
  };
  export default bitcore;
}
