/** Version 2 of partially signed transactions (BIP370) made from version 0, and back: the library knows version 0 alone. */
import { Reader, Writer } from "../codec.ts";
import { badPsbt } from "../errors.ts";
import { FINAL_SEQUENCE, FIRST_TIME_LOCKTIME, serializeStripped, type Transaction } from "../transaction.ts";
import {
  GLOBAL,
  INPUT,
  type KeyMap,
  OUTPUT,
  type PsbtMaps,
  u32Field,
  unsignedTransactionOf,
} from "./maps.ts";

/** Whether inputs, and outputs, may still be added. */
const MODIFIABLE_BITS = 0b011;

/** What version 0 cannot say, kept while the library works on it. */
export interface OnlyInTwo {
  readonly fallbackLocktime: number | undefined;
  readonly modifiable: number | undefined;
  /** The locktimes that each input asks for. */
  readonly required: readonly { readonly time: number | undefined; readonly height: number | undefined }[];
}

/** Version 2 as version 0, and what that leaves out. */
export function toVersionZero({ global, inputs, outputs }: PsbtMaps): { maps: PsbtMaps; only: OnlyInTwo } {
  const only = onlyInTwo(global, inputs);
  const version = u32Field(global, GLOBAL.transactionVersion);
  if (version === undefined) throw badPsbt("it does not say the transaction's version");
  const transaction: Transaction = {
    version,
    inputs: inputs.map(inputOf),
    outputs: outputs.map(outputOf),
    locktime: locktimeOf(only),
  };
  const stripped = without(global, Object.values(GLOBAL));
  const maps: PsbtMaps = {
    version: 0,
    global: new Map([[GLOBAL.unsignedTransaction, serializeStripped(transaction)], ...stripped]),
    inputs: inputs.map((map) => without(map, Object.values(INPUT))),
    outputs: outputs.map((map) => without(map, Object.values(OUTPUT))),
  };
  return { maps, only };
}

/** Version 0 as version 2; `isSigned` ends all changes to inputs and outputs. */
export function toVersionTwo(
  { global, inputs, outputs }: PsbtMaps,
  only: OnlyInTwo | undefined,
  isSigned: boolean,
): PsbtMaps {
  const transaction = unsignedTransactionOf(global);
  const modifiable = isSigned ? (only?.modifiable ?? 0) & ~MODIFIABLE_BITS : only?.modifiable;
  const fallback = only === undefined ? transaction.locktime : only.fallbackLocktime;
  const head: [string, Uint8Array][] = [[GLOBAL.transactionVersion, u32(transaction.version)]];
  if (fallback !== undefined) head.push([GLOBAL.fallbackLocktime, u32(fallback)]);
  head.push(
    [GLOBAL.inputCount, compactSize(inputs.length)],
    [GLOBAL.outputCount, compactSize(outputs.length)],
  );
  if (modifiable !== undefined) head.push([GLOBAL.modifiable, Uint8Array.of(modifiable)]);
  head.push([GLOBAL.version, u32(2)]);
  return {
    version: 2,
    global: new Map([...head, ...without(global, Object.values(GLOBAL))]),
    inputs: inputs.map((map, at) => {
      const input = transaction.inputs[at] as Transaction["inputs"][number];
      const { time, height } = only?.required[at] ?? {};
      const own: [string, Uint8Array][] = [
        [INPUT.previousTxid, input.previousTxidBytes],
        [INPUT.previousIndex, u32(input.previousIndex)],
        [INPUT.sequence, u32(input.sequence)],
      ];
      if (time !== undefined) own.push([INPUT.timeLocktime, u32(time)]);
      if (height !== undefined) own.push([INPUT.heightLocktime, u32(height)]);
      return new Map([...map, ...own]);
    }),
    outputs: outputs.map((map, at) => {
      const { amountSat, scriptPubKey } = transaction.outputs[at] as Transaction["outputs"][number];
      return new Map([
        ...map,
        [OUTPUT.amount, new Writer(8).i64(amountSat).finish()],
        [OUTPUT.script, scriptPubKey],
      ]);
    }),
  };
}

function onlyInTwo(global: KeyMap, inputs: readonly KeyMap[]): OnlyInTwo {
  const modifiable = global.get(GLOBAL.modifiable);
  if (modifiable !== undefined && modifiable.length !== 1) throw badPsbt("its flags are one byte");
  return {
    fallbackLocktime: u32Field(global, GLOBAL.fallbackLocktime),
    modifiable: modifiable?.[0],
    required: inputs.map((map) => {
      const time = u32Field(map, INPUT.timeLocktime);
      const height = u32Field(map, INPUT.heightLocktime);
      if (time !== undefined && time < FIRST_TIME_LOCKTIME) throw badPsbt(`${time} is a height, not a time`);
      if (height !== undefined && (height === 0 || height >= FIRST_TIME_LOCKTIME))
        throw badPsbt(`${height} is no height`);
      return { time, height };
    }),
  };
}

/** The kind of locktime that suits every input that asks for one, heights before times, and the latest of them. */
function locktimeOf({ fallbackLocktime, required }: OnlyInTwo): number {
  const asking = required.filter(({ time, height }) => time !== undefined || height !== undefined);
  if (asking.length === 0) return fallbackLocktime ?? 0;
  const heights = asking.map(({ height }) => height).filter((height) => height !== undefined);
  if (heights.length === asking.length) return Math.max(...heights);
  const times = asking.map(({ time }) => time).filter((time) => time !== undefined);
  if (times.length === asking.length) return Math.max(...times);
  throw badPsbt("some inputs wait for a height and others for a time");
}

function inputOf(map: KeyMap): Transaction["inputs"][number] {
  const previousTxidBytes = map.get(INPUT.previousTxid);
  const previousIndex = u32Field(map, INPUT.previousIndex);
  if (previousTxidBytes?.length !== 32 || previousIndex === undefined) {
    throw badPsbt("an input does not say which coin it spends");
  }
  const sequence = u32Field(map, INPUT.sequence) ?? FINAL_SEQUENCE;
  return { previousTxidBytes, previousIndex, scriptSig: new Uint8Array(0), sequence, witness: [] };
}

function outputOf(map: KeyMap): Transaction["outputs"][number] {
  const amount = map.get(OUTPUT.amount);
  const scriptPubKey = map.get(OUTPUT.script);
  if (amount?.length !== 8 || scriptPubKey === undefined) {
    throw badPsbt("an output does not say what it pays, or to whom");
  }
  return { amountSat: new Reader(amount).i64(), scriptPubKey };
}

function without(map: KeyMap, keys: readonly string[]): Map<string, Uint8Array> {
  return new Map([...map].filter(([key]) => !keys.includes(key)));
}

function u32(value: number): Uint8Array {
  return new Writer(4).u32(value).finish();
}

function compactSize(value: number): Uint8Array {
  return new Writer(5).compactSize(value).finish();
}
