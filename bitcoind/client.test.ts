/** The client's questions, asked of the sandbox and of a real node: the same answers. */
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseBlock } from "../bitcoin/block/block.ts";
import { blockHashOf, HEADER_LENGTH_BYTES } from "../bitcoin/block/header.ts";
import { type BlockHash, hexToBytes, type Txid } from "../bitcoin/bytes.ts";
import { mainnet, regtest } from "../bitcoin/network.ts";
import { parseTransaction, txidOf } from "../bitcoin/transaction.ts";
import { systemClock } from "../runtime/clock.ts";
import { KeptLog } from "../tests/harness/kept-log.ts";
import { callNode, findBitcoind, RealNode } from "../tests/harness/node/bitcoind.ts";
import { CoinOwner, type OwnedCoin } from "../tests/harness/node/coin-owner.ts";
import { nodeMakers, type SomeNode } from "../tests/harness/node/node-makers.ts";
import { waitFor } from "../tests/harness/wait-for.ts";
import { NodeClient } from "./client.ts";
import { nodeSection } from "./config.ts";
import { confirmedTransactions, hasTransactionIndex } from "./questions/raw-transactions.ts";

const bitcoind = findBitcoind();
const owner = new CoinOwner("client");
const COINBASE_SAT = 5_000_000_000n;
const UNKNOWN = "12".repeat(32);

const INDEXED = "a real node with an index of transactions";
const makers = nodeMakers({
  [INDEXED]: async (node) => {
    await node.shutDown();
    await node.restore(["-rest=1", "-txindex=1"]);
  },
  "a real node without REST": async (node) => {
    await node.shutDown();
    await node.restore(["-rest=0"]);
  },
});

describe.each(makers)("the client of $name", ({ name, start }) => {
  let node: SomeNode;
  let client: NodeClient;
  let hashes: BlockHash[];

  const rpc = (method: string, ...params: unknown[]) =>
    callNode(node.rpcUrl, node.cookiePath, method, params);

  beforeAll(async () => {
    node = await start();
    hashes = (await rpc("generatetoaddress", 110, owner.address("p2wpkh"))) as BlockHash[];
    client = clientOf(node);
  }, 120_000);

  afterAll(async () => {
    await client?.close();
    await node?.stop();
  });

  const coinbaseOf = async (height: number): Promise<OwnedCoin> => {
    const block = parseBlock((await client.blockBytes(hashes[height - 1] as BlockHash)) as Uint8Array);
    const txid = txidOf(block.transactions[0] as (typeof block.transactions)[number]);
    return { txid, index: 0, amountSat: COINBASE_SAT, kind: "p2wpkh" };
  };

  it("knows the tip", async () => {
    expect(await client.tipHash()).toBe(hashes[109]);
    expect(await client.height()).toBe(110);
    expect(await client.chainInfo()).toMatchObject({
      height: 110,
      headerHeight: 110,
      tipHash: hashes[109],
      isSyncing: false,
    });
  });

  it("knows hashes by height, and stops at the tip", async () => {
    expect(await client.blockHashAt(1)).toBe(hashes[0]);
    expect(await client.blockHashAt(111)).toBeUndefined();
    expect(await client.blockHashes(105, 50)).toEqual(hashes.slice(104));
    expect(await client.blockHashes(500, 3)).toEqual([]);
  });

  it("reads headers that follow each other", async () => {
    const headers = await client.headers(hashes[9] as BlockHash, 2_000);
    expect(headers.length).toBe(101 * HEADER_LENGTH_BYTES);
    for (let i = 0; i < 101; i++) {
      const header = headers.subarray(i * HEADER_LENGTH_BYTES, (i + 1) * HEADER_LENGTH_BYTES);
      expect(blockHashOf(header)).toBe(hashes[9 + i]);
    }
    expect((await client.headers(hashes[9] as BlockHash, 3)).length).toBe(3 * HEADER_LENGTH_BYTES);
    expect(await client.headers(UNKNOWN as BlockHash, 3)).toHaveLength(0);
  });

  it("reads whole blocks, and nothing for a block that is not there", async () => {
    const bytes = (await client.blockBytes(hashes[50] as BlockHash)) as Uint8Array;
    expect(blockHashOf(bytes)).toBe(hashes[50]);
    expect(await client.blockBytes(UNKNOWN as BlockHash)).toBeUndefined();
  });

  it("broadcasts, and gives raw transactions of a block", async () => {
    const spent = owner.spend([await coinbaseOf(1)], [{ kind: "p2tr", amountSat: COINBASE_SAT - 2_000n }]);
    expect(await client.broadcast(hexToBytes(spent.hex))).toBe(spent.txid);
    expect(await client.broadcast(hexToBytes(spent.hex))).toBe(spent.txid);

    const [hash] = (await rpc("generatetoaddress", 1, owner.address("p2wpkh"))) as BlockHash[];
    // More than one request takes, each in its place.
    const block = hash as BlockHash;
    const wanted = Array.from({ length: 60 }, (_, i) => ({
      txid: (i % 3 === 0 ? UNKNOWN : spent.txid) as Txid,
      block,
    }));
    expect(await client.confirmedTransactions(wanted)).toEqual(
      wanted.map(({ txid }) => (txid === UNKNOWN ? undefined : spent.hex)),
    );
  });

  it("gives transactions by the node's index of them, and out of their blocks where it has none or lags", async () => {
    const isIndexed = name === INDEXED;
    await waitFor("the index is level", async () => (await client.ask(hasTransactionIndex)) === isIndexed);
    const block = hashes[0] as BlockHash;
    const { txid } = await coinbaseOf(1);
    const [hex] = await client.confirmedTransactions([{ txid: txid as Txid, block }]);
    const raw = hexToBytes(hex ?? "");
    expect(txidOf(parseTransaction(raw))).toBe(txid);
    const wanted = [block, UNKNOWN as BlockHash].map((each) => ({ txid: txid as Txid, block: each }));
    expect(await client.ask((connection) => confirmedTransactions(connection, wanted, true))).toEqual([
      hex,
      // Only an index finds it without its block.
      isIndexed ? hex : undefined,
    ]);
  });

  it("knows the node's version", async () => {
    expect((await client.version()).version).toBeGreaterThanOrEqual(280_000);
  });

  it("refuses a node of another network", async () => {
    const stranger = clientOf(node, mainnet);
    await expect(stranger.tipHash()).rejects.toMatchObject({
      code: "NODE_WRONG_CHAIN",
      data: { expected: "main", found: "regtest" },
    });
    await stranger.close();
  });
});

describe.skipIf(bitcoind === undefined)("the client of a node that comes and goes", () => {
  it("reads the new cookie after a restart of the node", async () => {
    const node = await RealNode.start(bitcoind as string);
    const client = clientOf(node);
    try {
      expect(await client.height()).toBe(0);
      await node.shutDown();
      await expect(client.height()).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
      await node.restore();
      expect(await client.height()).toBe(0);
    } finally {
      await client.close();
      await node.stop();
    }
  }, 120_000);

  it("asks the second node while the first is away, and the first again when it is back", async () => {
    const first = await RealNode.start(bitcoind as string);
    const second = await RealNode.start(bitcoind as string);
    // One cookie file cannot serve two nodes: both get the same password.
    const [name, password] = ["troupe", "correct horse"];
    const { dataDirectory } = first;
    for (const node of [first, second]) {
      await node.shutDown();
      await node.restore([`-rpcauth=${rpcAuth(name, password)}`]);
    }
    const file = join(dataDirectory, "password");
    writeFileSync(file, password, { mode: 0o600 });
    const log = new KeptLog();
    const client = new NodeClient({
      config: nodeSection.schema.parse({
        rpc: [first.rpcUrl, second.rpcUrl],
        user: name,
        password_file: file,
      }),
      network: regtest,
      clock: systemClock,
      log,
    });
    try {
      for (const node of [first, second]) await node.rpc("generatetoaddress", 1, owner.address("p2wpkh"));
      await client.height();
      expect(client.currentName).toBe(new URL(first.rpcUrl).host);

      await first.shutDown();
      expect(await client.height()).toBe(1);
      expect(client.currentName).toBe(new URL(second.rpcUrl).host);

      await first.restore([`-rpcauth=${rpcAuth(name, password)}`]);
      await waitFor(
        "the first node to be used again",
        () => client.currentName === new URL(first.rpcUrl).host,
      );
      expect(log.lines.map((line) => line.level)).toContain("info");
    } finally {
      await client.close();
      await first.stop();
      await second.stop();
    }
  }, 120_000);
});

function clientOf(node: SomeNode, network = regtest): NodeClient {
  const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
  return new NodeClient({ config, network, clock: systemClock, log: new KeptLog() });
}

/** Bitcoin Core's `rpcauth`: HMAC-SHA256 of the password under a salt. */
function rpcAuth(name: string, password: string): string {
  const salt = "00112233445566778899aabbccddeeff";
  return `${name}:${salt}$${createHmac("sha256", salt).update(password).digest("hex")}`;
}
