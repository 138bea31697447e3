/** How fast blocks are walked, their txids made and their script hashes taken, against bitcoinjs-lib in the same run. */
import { Block } from "bitcoinjs-lib";
import { parseBlock, serializeBlock } from "../bitcoin/block/block.ts";
import { spanTxidBytes, walkBlock } from "../bitcoin/block/block-walker.ts";
import { genesisBlock } from "../bitcoin/block/genesis.ts";
import { hexToBytes } from "../bitcoin/bytes.ts";
import { mainnet } from "../bitcoin/network.ts";
import { p2wpkhScript } from "../bitcoin/script/script.ts";
import { scriptHashBytesOf } from "../bitcoin/script/scripthash.ts";
import type { Transaction } from "../bitcoin/transaction.ts";
import { findSharedData, SharedData } from "../tests/harness/chain/shared-data.ts";

const ROUNDS = 7;
const ROUND_MS = 300;

interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The median over rounds of at least ROUND_MS each, in seconds per run. */
function secondsPerRun(run: () => void): number {
  const rounds: number[] = [];
  run();
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let runs = 0;
    do {
      run();
      runs += 1;
    } while (performance.now() - start < ROUND_MS);
    rounds.push((performance.now() - start) / 1_000 / runs);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

function samples(): Sample[] {
  const folder = findSharedData();
  if (folder === undefined) return [{ name: "made of 3000 transactions", bytes: madeBlock(3_000) }];
  const data = new SharedData(folder);
  const segwit = data.json<{ block: string }>("blocks/bitcoin_mainnet_951658.json");
  return [
    { name: "mainnet 413567 (before segwit)", bytes: Buffer.from(data.bytes("blocks/block413567.raw")) },
    { name: "mainnet 951658 (segwit)", bytes: Buffer.from(hexToBytes(segwit.block)) },
  ];
}

/** One input with a witness and two outputs each: the commonest shape on the chain. */
function madeBlock(count: number): Buffer {
  const { header, transactions } = genesisBlock(mainnet);
  const payments = Array.from({ length: count }, (_, index): Transaction => {
    const output = { amountSat: BigInt(index), scriptPubKey: p2wpkhScript(new Uint8Array(20).fill(index)) };
    const input = {
      previousTxidBytes: new Uint8Array(32).fill(index),
      previousIndex: index,
      scriptSig: new Uint8Array(0),
      sequence: 0,
      witness: [new Uint8Array(71), new Uint8Array(33)],
    };
    return { version: 2, inputs: [input], outputs: [output, output], locktime: index };
  });
  return Buffer.from(serializeBlock({ header, transactions: [...transactions, ...payments] }));
}

function measure({ name, bytes }: Sample): void {
  let inputs = 0;
  let outputs = 0;
  const transactions = walkBlock(bytes, { input: () => inputs++, output: () => outputs++ });
  const megabytes = bytes.length / 1e6;
  const print = (figure: string, seconds: number, count: number, unit: string): void => {
    const perSecond = Number((count / seconds).toPrecision(4));
    process.stdout.write(`${JSON.stringify({ bench: "blocks", sample: name, figure, perSecond, unit })}\n`);
  };
  let sum = 0;
  const counting = {
    input: (_tx: number, _index: number, at: number) => {
      sum = (sum + at) | 0;
    },
    output: (_tx: number, _index: number, _amount: number, start: number, end: number) => {
      sum = (sum + end - start) | 0;
    },
  };
  const facts = { lengthBytes: bytes.length, transactions, inputs, outputs, node: process.version };
  process.stdout.write(`${JSON.stringify({ bench: "blocks", sample: name, ...facts })}\n`);

  print(
    "walk, nothing visited",
    secondsPerRun(() => walkBlock(bytes, {})),
    megabytes,
    "MB",
  );
  print(
    "walk, all inputs and outputs visited",
    secondsPerRun(() => walkBlock(bytes, counting)),
    megabytes,
    "MB",
  );
  const txids = secondsPerRun(() => walkBlock(bytes, { transaction: (span) => spanTxidBytes(bytes, span) }));
  print("walk and make all txids", txids, transactions, "txids");
  const hashes = secondsPerRun(() =>
    walkBlock(bytes, { output: (_t, _i, _a, start, end) => scriptHashBytesOf(bytes.subarray(start, end)) }),
  );
  print("walk and make all script hashes", hashes, outputs, "scripts");
  print(
    "parse into objects",
    secondsPerRun(() => parseBlock(bytes)),
    megabytes,
    "MB",
  );
  print(
    "bitcoinjs-lib: parse into objects",
    secondsPerRun(() => Block.fromBuffer(bytes)),
    megabytes,
    "MB",
  );
  const library = secondsPerRun(() => {
    for (const transaction of Block.fromBuffer(bytes).transactions ?? []) transaction.getHash();
  });
  print("bitcoinjs-lib: parse and make all txids", library, transactions, "txids");
}

for (const sample of samples()) measure(sample);
