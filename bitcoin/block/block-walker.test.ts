/** Blocks: real ones of six chains, and a walker that says what the parser says for any bytes. */
import { Block as LibraryBlock } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../../tests/harness/chain/regtest-chain.ts";
import { describeWithSharedData } from "../../tests/harness/chain/shared-data-suite.ts";
import { anyTransaction } from "../../tests/harness/chain/transactions.ts";
import { bytesToHex, hexToBytes, txidFromBytes } from "../bytes.ts";
import { litecoin, mainnet, type Network, regtest, signet, testnet4 } from "../network.ts";
import { isCoinbase, type Serialization, txidOf } from "../transaction.ts";
import {
  type Block,
  blockWeightOf,
  parseBlock,
  serializeBlock,
  statedWitnessCommitment,
  strippedBlockLengthBytesOf,
  txidLeavesOf,
  witnessCommitmentOf,
  witnessCommitmentScript,
} from "./block.ts";
import {
  amountSatAt,
  outpointIndexAt,
  spanAfter,
  spanTxidBytes,
  type TransactionSpan,
  walkBlock,
} from "./block-walker.ts";
import { blockHashOf, hasProofOfWork, parseHeader } from "./header.ts";
import { hasMerkleDuplicate, merkleRoot } from "./merkle.ts";

const malformed = expect.objectContaining({ code: "BITCOIN_MALFORMED" });
const chain = readRegtestChain();

/** Everything a walk tells, as lines to compare. */
function walked(bytes: Uint8Array, serialization: Serialization): string[] {
  const lines: string[] = [];
  const count = walkBlock(
    bytes,
    {
      input: (tx, index, at) =>
        lines.push(`${tx} in ${index} ${txidFromBytes(bytes, at)}:${outpointIndexAt(bytes, at)}`),
      output: (tx, index, amount, start, end) =>
        lines.push(
          `${tx} out ${index} ${amountSatAt(bytes, amount)} ${bytesToHex(bytes.subarray(start, end))}`,
        ),
      transaction: (span) =>
        lines.push(
          `${span.index} ${txidFromBytes(spanTxidBytes(bytes, span))} ${span.inputCount} ${span.outputCount}`,
        ),
    },
    serialization,
  );
  return [...lines, String(count)];
}

/** The same lines, from the parsed block. */
function parsed(block: Block): string[] {
  const lines = block.transactions.flatMap((transaction, tx) => [
    ...transaction.inputs.map(
      (input, index) => `${tx} in ${index} ${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`,
    ),
    ...transaction.outputs.map(
      (output, index) => `${tx} out ${index} ${output.amountSat} ${bytesToHex(output.scriptPubKey)}`,
    ),
    `${tx} ${txidOf(transaction)} ${transaction.inputs.length} ${transaction.outputs.length}`,
  ]);
  return [...lines, String(block.transactions.length)];
}

function outcome(run: () => string[]): string[] {
  try {
    return run();
  } catch (error) {
    expect(error).toEqual(malformed);
    return ["refused"];
  }
}

function expectWhole(bytes: Uint8Array, network: Network): Block {
  const block = parseBlock(bytes, network.serialization);
  const leaves = txidLeavesOf(block.transactions);

  expect(bytesToHex(serializeBlock(block)) === bytesToHex(bytes)).toBe(true);
  expect(bytesToHex(merkleRoot(leaves))).toBe(bytesToHex(block.header.merkleRootBytes));
  expect(hasMerkleDuplicate(leaves)).toBe(false);
  expect(hasProofOfWork(bytes, network)).toBe(true);
  expect(walked(bytes, network.serialization)).toEqual(parsed(block));
  expect(block.transactions.map(isCoinbase)).toEqual(block.transactions.map((_, index) => index === 0));
  return block;
}

function expectCommitment(block: Block): void {
  const [coinbase] = block.transactions;
  const stated = coinbase && statedWitnessCommitment(coinbase);
  const reserved = coinbase?.inputs[0]?.witness[0] ?? new Uint8Array(0);

  expect(bytesToHex(witnessCommitmentOf(block.transactions, reserved))).toBe(
    bytesToHex(stated ?? new Uint8Array(0)),
  );
  // A signet's signature follows the commitment in the same script.
  const script = bytesToHex(witnessCommitmentScript(stated ?? new Uint8Array(0)));
  expect(coinbase?.outputs.some(({ scriptPubKey }) => bytesToHex(scriptPubKey).startsWith(script))).toBe(
    true,
  );
}

it("holds every block of the recorded chain together", () => {
  chain.blocks.forEach((hex, height) => {
    const block = expectWhole(hexToBytes(hex), regtest);
    if (height > 0) expectCommitment(block);
  });
});

describe("any block", () => {
  const header = parseHeader(hexToBytes(chain.blocks[0] ?? "").subarray(0, 80));
  const anyBlock = fc
    .array(anyTransaction, { maxLength: 5 })
    .map((transactions) => serializeBlock({ header, transactions }));

  it("is walked as it is parsed", () => {
    fc.assert(
      fc.property(anyBlock, (bytes) => {
        expect(walked(bytes, "bitcoin")).toEqual(parsed(parseBlock(bytes)));
      }),
    );
  });

  it("is taken or refused alike by walker and parser when it is damaged, whatever lies around it", () => {
    const damage = fc.record({
      at: fc.nat(),
      to: fc.constantFrom(0, 1, 2, 8, 9, 0x7f, 0xfc, 0xfd, 0xfe, 0xff),
    });
    fc.assert(
      fc.property(
        anyBlock,
        fc.array(damage, { maxLength: 4 }),
        fc.nat(20),
        fc.constantFrom<Serialization>("bitcoin", "mweb"),
        (whole, damages, cut, serialization) => {
          const broken = Uint8Array.from(whole.subarray(0, whole.length - cut));
          for (const { at, to } of damages) {
            if (broken.length > 80) broken[80 + (at % (broken.length - 80))] = to;
          }
          const around = new Uint8Array(broken.length + 64).fill(0xff);
          around.set(broken, 32);
          const view = around.subarray(32, 32 + broken.length);
          const expected = outcome(() => parsed(parseBlock(broken, serialization)));

          expect(outcome(() => walked(view, serialization))).toEqual(expected);
          expect(outcome(() => parsed(parseBlock(view, serialization)))).toEqual(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("cut short anywhere is refused, and nothing beyond its end is ever named", () => {
    const whole = hexToBytes(chain.blocks[106] ?? "");
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      let furthest = 0;
      const visitor = {
        input: (_tx: number, _index: number, at: number) => {
          furthest = Math.max(furthest, at + 36);
        },
        output: (_tx: number, _index: number, _amount: number, _start: number, end: number) => {
          furthest = Math.max(furthest, end);
        },
        transaction: ({ end }: TransactionSpan) => {
          furthest = Math.max(furthest, end);
        },
      };

      expect(() => walkBlock(cut, visitor)).toThrow(malformed);
      expect(furthest).toBeLessThanOrEqual(length);
    }
  });

  it("gives each of its transactions from any before it on, also out of a part that ends with it", () => {
    for (const block of chain.blocks.slice(-6).map((hex) => hexToBytes(hex))) {
      const spans: TransactionSpan[] = [];
      walkBlock(block, { transaction: (span) => spans.push({ ...span }) });
      spans.forEach(({ start }, from) => {
        for (let to = from; to < spans.length; to++) {
          const { end, bodyStart, bodyEnd, inputCount, outputCount } = spans[to] as TransactionSpan;
          const part = block.subarray(start, end);
          const found = spanAfter(part, 0, to - from);
          expect(found).toMatchObject({ inputCount, outputCount, bodyStart: bodyStart - start });
          expect(found).toMatchObject({ end: part.length, bodyEnd: bodyEnd - start });
          expect(spanAfter(block, start, to - from)).toMatchObject({ end, bodyStart, bodyEnd });
          expect(() => spanAfter(part.subarray(0, -1), 0, to - from)).toThrow(malformed);
        }
      });
    }
  });

  it("that announces more than it holds is refused before anything is visited", () => {
    const bomb = Buffer.concat([Buffer.alloc(80), hexToBytes("fe00000002")]);
    let visits = 0;

    expect(() => walkBlock(bomb, { transaction: () => visits++ })).toThrow(malformed);
    expect(() => parseBlock(bomb)).toThrow(malformed);
    expect(visits).toBe(0);
  });
});

interface RealBlock {
  readonly hash: string;
  readonly tx: readonly string[];
  readonly block: string;
  readonly weight?: number;
  readonly strippedsize?: number;
}

describeWithSharedData("real blocks", (data) => {
  it.each<[string, Network]>([
    ["bitcoin_mainnet_951658", mainnet],
    ["bitcoin_testnet4_40000", testnet4],
    ["bitcoin_signet_31500", signet],
    ["litecoin_mainnet_900000", litecoin],
    ["litecoin_mainnet_2265985", litecoin],
  ])("%s has its hash, its ids and its merkle root", (name, network) => {
    const real = data.json<RealBlock>(`blocks/${name}.json`);
    const bytes = hexToBytes(real.block);
    const block = expectWhole(bytes, network);

    expect(blockHashOf(bytes)).toBe(real.hash);
    expect(block.transactions.map(txidOf)).toEqual(real.tx);
    if (network !== litecoin) expectCommitment(block);
    if (real.weight !== undefined) expect(blockWeightOf(block)).toBe(real.weight);
    if (real.strippedsize !== undefined) expect(strippedBlockLengthBytesOf(block)).toBe(real.strippedsize);
  });

  it("of 1 MB before segwit is read as bitcoinjs-lib reads it", () => {
    const bytes = data.bytes("blocks/block413567.raw");
    const block = expectWhole(bytes, mainnet);
    const library = LibraryBlock.fromBuffer(Buffer.from(bytes));

    expect(blockHashOf(bytes)).toBe(library.getId());
    expect(block.transactions.map(txidOf)).toEqual(
      library.transactions?.map((transaction) => transaction.getId()),
    );
  });

  it("with Litecoin's extension are refused where they are taken for Bitcoin's", () => {
    const real = data.json<RealBlock>("blocks/litecoin_mainnet_2265985.json");

    expect(() => parseBlock(hexToBytes(real.block))).toThrow(malformed);
    expect(parseBlock(hexToBytes(real.block), "mweb").extensionBytes?.length).toBeGreaterThan(100);
  });
});
