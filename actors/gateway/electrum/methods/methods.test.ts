import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseBlock } from "../../../../bitcoin/block/block.ts";
import { merkleRoot, merkleRootFromBranch } from "../../../../bitcoin/block/merkle.ts";
import { sha256d } from "../../../../bitcoin/hash.ts";
import { serializeTransaction, txidBytesOf, txidOf } from "../../../../bitcoin/transaction.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { TEST_CARRIERS } from "../../../../tests/harness/electrum/door-under-test.ts";
import { RecordedStages } from "../../../../tests/harness/gateway/recorded-stages.ts";
import { type WireSession, WireSessions } from "../../../../tests/harness/gateway/wire-sessions.ts";
import { feeTargetBucket } from "../chain/fees.ts";

const FEES = { relaySatPerKvb: 100, mempoolSatPerKvb: 200, incrementalSatPerKvb: 300 };
const HISTOGRAM: [number, number][] = [
  [10, 10_000],
  [9, 70_000],
];
const UNKNOWN = "ab".repeat(32);
/** What is sent while the node is away, in base64, and whether the node may have had it. */
const AWAY = new Map([
  ["3q3erQ==", "not_executed"],
  ["vu++7w==", "unknown"],
]);

/** Display order to raw order, or back. */
function reversed(hex: string): Uint8Array {
  return Buffer.from(hex, "hex").reverse();
}

describe.each(TEST_CARRIERS)("the methods over %s, on the recorded chain", (carrier) => {
  let stages: RecordedStages;
  let sessions: WireSessions;
  let session: WireSession;
  const broadcasts: string[] = [];
  const estimates: { targets: readonly number[]; mode: string }[] = [];
  const ask = (method: string, ...params: unknown[]) => session.call(method, params);
  const refused = (method: string, params: unknown, error: object) =>
    expect(session.call(method, params)).rejects.toMatchObject(error);
  const block = (height: number) => parseBlock(Buffer.from(stages.chain.blocks[height] as string, "hex"));

  beforeAll(async () => {
    stages = await RecordedStages.start({
      relayFees: () => FEES,
      feeHistogram: () => ({ histogram: HISTOGRAM }),
      feeEstimates: ({ targets, mode }) => {
        estimates.push({ targets, mode });
        return { results: targets.map((target) => (target > 100 ? null : 1_234)) };
      },
      rawTransactions: ({ txids }) => ({
        results: txids.map((txid) => {
          const found = stages.sent.find((one) => txidOf(one) === txid);
          return found === undefined ? null : Buffer.from(serializeTransaction(found)).toString("hex");
        }),
      }),
      broadcast: ({ rawTx }) => {
        broadcasts.push(rawTx);
        const outcome = AWAY.get(rawTx);
        if (outcome !== undefined) {
          const reason = "The node's cookie /var/lib/bitcoind/.cookie cannot be read.";
          throw new TroupeError({ code: "MEMPOOL_NODE_AWAY", reason, outcome }, `The node: ${reason}`);
        }
        if (rawTx.length < 8) {
          throw new TroupeError(
            { code: "MEMPOOL_REFUSED", kind: "invalid", rpcCode: -22, reason: "TX decode failed." },
            "refused",
          );
        }
        return { txid: "cd".repeat(32) };
      },
      broadcastPackage: ({ rawTxs }) => ({
        isAccepted: rawTxs.length > 1,
        results: rawTxs.map((_, i) => ({
          txid: UNKNOWN,
          wtxid: UNKNOWN,
          error: rawTxs.length > 1 || i > 0 ? null : "dust",
        })),
        replaced: [],
        nodeAnswer: { package_msg: "success" },
      }),
    });
    await stages.to("S5");
    sessions = await WireSessions.open(stages.under.half, carrier);
    session = await sessions.session();
  });

  afterAll(async () => {
    await sessions.close();
    await stages.stop();
  });

  it("tell the tip with exactly the keys that clients know", async () => {
    expect(await ask("blockchain.headers.subscribe")).toEqual({
      hex: (stages.chain.blocks[109] as string).slice(0, 160),
      height: 109,
    });
  });

  it("give every header of the chain, one by one", async () => {
    for (let height = 0; height <= 109; height++) {
      expect(await ask("blockchain.block.header", height)).toBe(
        (stages.chain.blocks[height] as string).slice(0, 160),
      );
    }
    expect(await ask("blockchain.block.header", "5")).toBe(await ask("blockchain.block.header", 5));
  });

  it("refuse headers that are not there", async () => {
    await refused("blockchain.block.header", [110], { code: 1, message: "height 110 out of range" });
    await refused("blockchain.block.header", [1_000_000], {
      code: 1,
      message: "height 1,000,000 out of range",
    });
    await refused("blockchain.block.header", [Number.MAX_SAFE_INTEGER], {
      code: 1,
      message: "height 9,007,199,254,740,991 out of range",
    });
    await refused("blockchain.block.header", [-1], {
      code: 1,
      message: "-1 should be a non-negative integer",
    });
    await refused("blockchain.block.header", ["x"], {
      code: 1,
      message: "x should be a non-negative integer",
    });
    await refused("blockchain.block.header", [], {
      code: -32_602,
      message: '0 arguments passed to method "blockchain.block.header" but it requires 1',
    });
  });

  it("give runs of headers in the form of the version, cut at the tip", async () => {
    const all = stages.chain.blocks.map((hex) => hex.slice(0, 160));
    expect(await ask("blockchain.block.headers", 100, 2_016)).toEqual({
      headers: all.slice(100),
      count: 10,
      max: 2_016,
    });
    const old = await sessions.session("1.4");
    expect(await old.call("blockchain.block.headers", [3, 4])).toEqual({
      hex: all.slice(3, 7).join(""),
      count: 4,
      max: 2_016,
    });
    expect(await old.call("blockchain.block.headers", [110, 1, 50])).toEqual({
      hex: "",
      count: 0,
      max: 2_016,
    });
    expect(await ask("blockchain.block.headers", 0, 0, 50)).toEqual({ headers: [], count: 0, max: 2_016 });
    const absurd = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    expect(await ask("blockchain.block.headers", ...absurd)).toMatchObject({ headers: [], count: 0 });
  });

  it("prove headers against any checkpoint, as the recorded proofs do", async () => {
    const one = (await ask("blockchain.block.header", 5, 8)) as {
      root: string;
      branch: string[];
      header: string;
    };
    expect(one.root).toBe("8dd750f051c91012417b77850ac9025b926e11f3c9551b70c8a920089663e612");
    expect(one.branch.map((node) => node.slice(0, 8))).toEqual([
      "4c9b0a6e",
      "8c4f3e8e",
      "7465b7cc",
      "1e6dd89b",
    ]);
    expect(await ask("blockchain.block.header", 1, 1)).toMatchObject({
      root: "3ef13416b03d8ec8d3d63c061c8a045bee14d91a775295ae217aa498c450f8df",
      branch: ["0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"],
    });
    const run = (await ask("blockchain.block.headers", 0, 3, 8)) as { root: string; branch: string[] };
    expect(run.root).toBe(one.root);
    expect(run.branch.map((node) => node.slice(0, 8))).toEqual([
      "33ecfea2",
      "3ef13416",
      "7faef242",
      "1e6dd89b",
    ]);
    expect(await ask("blockchain.block.header", 106, 106)).toMatchObject({
      root: "d99a29368252b647ef2bfdc9e8eccf0681e5b1e44348963d8ec3038a07ac4c4a",
    });
    expect(await ask("blockchain.block.header", 100, 109)).toMatchObject({
      root: "eb325c4cf57441a2fffcc87b043ed5fbcf850d689ccc34c0af98e89bdc123a52",
    });
    const leaves = Buffer.concat(
      stages.chain.blocks.map((hex) => sha256d(Buffer.from(hex.slice(0, 160), "hex"))),
    );
    for (let height = 0; height <= 109; height += 7) {
      const { root, branch } = (await ask("blockchain.block.header", height, 109)) as {
        root: string;
        branch: string[];
      };
      expect(reversed(root)).toEqual(Buffer.from(merkleRoot(leaves)));
      const leaf = leaves.subarray(height * 32, (height + 1) * 32);
      expect(Buffer.from(merkleRootFromBranch(leaf, branch.map(reversed), height) ?? [])).toEqual(
        reversed(root),
      );
    }
  });

  it("refuse checkpoints below the header or above the tip", async () => {
    await refused("blockchain.block.header", [5, 4], {
      code: 1,
      message: "require header height 5 <= cp_height 4 <= chain height 109",
    });
    await refused("blockchain.block.headers", [0, 3, 110], {
      code: 1,
      message: "require header height 2 <= cp_height 110 <= chain height 109",
    });
  });

  it("prove every transaction of the chain against its header", async () => {
    for (let height = 0; height <= 109; height++) {
      const { transactions, header } = block(height);
      for (const [position, transaction] of transactions.entries()) {
        const proof = (await ask("blockchain.transaction.get_merkle", txidOf(transaction), height)) as {
          block_height: number;
          merkle: string[];
          pos: number;
        };
        expect(proof).toMatchObject({ block_height: height, pos: position });
        const root = merkleRootFromBranch(txidBytesOf(transaction), proof.merkle.map(reversed), position);
        expect(Buffer.from(root ?? [])).toEqual(Buffer.from(header.merkleRootBytes));
        expect(await ask("blockchain.transaction.id_from_pos", height, position)).toBe(txidOf(transaction));
        expect(await ask("blockchain.transaction.id_from_pos", height, position, true)).toEqual({
          tx_hash: txidOf(transaction),
          merkle: proof.merkle,
        });
      }
    }
    expect(await ask("blockchain.transaction.id_from_pos", 105, 0, 1)).toMatchObject({ merkle: [] });
    const odd = "4084769cd596e8e99a326ae1c3b75ed05e6654f16e8d5f79648f754159795541";
    expect(await ask("blockchain.transaction.get_merkle", odd, "106")).toEqual({
      block_height: 106,
      merkle: [
        odd,
        "577db2982eb3a135951abc89002f615c576c70bea78881c827b136aa7289cfc9",
        "b7167d5af2ad749213fd1d37c3c833025fc3be30d77f70c0ac0392c4ec729a55",
      ],
      pos: 4,
    });
  });

  it("refuse places where a transaction is not", async () => {
    const txid = txidOf(block(104).transactions[1] as never);
    await refused("blockchain.transaction.get_merkle", [txid, 103], {
      code: 1,
      message: `tx ${txid} not in block at height 103`,
    });
    await refused("blockchain.transaction.get_merkle", [UNKNOWN, 103], { code: 1 });
    await refused("blockchain.transaction.id_from_pos", [104, 99], {
      code: 1,
      message: "no tx at position 99 in block at height 104",
    });
    await refused("blockchain.transaction.id_from_pos", [10_400, 0], {
      code: 1,
      message: "height 10,400 out of range",
    });
    await refused("blockchain.transaction.id_from_pos", [Number.MAX_SAFE_INTEGER, 0], { code: 1 });
    await refused("blockchain.transaction.id_from_pos", [104, Number.MAX_SAFE_INTEGER], { code: 1 });
    await refused("blockchain.transaction.get_merkle", [UNKNOWN, Number.MAX_SAFE_INTEGER], { code: 1 });
    await refused("blockchain.transaction.id_from_pos", [104, 0, "yes"], {
      code: 1,
      message: '"merkle" must be a boolean',
    });
  });

  it("give transactions with their witnesses, and as a node prints them", async () => {
    const { verboseTransaction } = stages.chain;
    expect(await ask("blockchain.transaction.get", verboseTransaction.txid)).toBe(verboseTransaction.hex);
    const upper = verboseTransaction.txid.toUpperCase();
    const verbose = (await ask("blockchain.transaction.get", upper, true)) as Record<string, unknown>;
    const { txid, hash, size, vsize, weight, hex } = verboseTransaction;
    expect(verbose).toMatchObject({ txid, hash, size, vsize, weight, hex });
    const height = stages.chain.blocks.findIndex((raw) => raw.includes(hex));
    expect(verbose).toMatchObject({
      confirmations: 110 - height,
      blockhash: Buffer.from(
        sha256d(Buffer.from((stages.chain.blocks[height] as string).slice(0, 160), "hex")),
      )
        .reverse()
        .toString("hex"),
      time: block(height).header.timeS,
      blocktime: block(height).header.timeS,
    });
    await refused("blockchain.transaction.get", [UNKNOWN], { code: 2 });
    await refused("blockchain.transaction.get", ["zz"], {
      code: 1,
      message: "zz should be a transaction hash",
    });
    await refused("blockchain.transaction.get", [UNKNOWN, "yes"], {
      code: 1,
      message: '"verbose" must be a boolean',
    });
  });

  it("give unconfirmed transactions from the mempool", async () => {
    const other = await RecordedStages.start({
      rawTransactions: ({ txids }) => ({ results: txids.map(() => "00ff") }),
    });
    try {
      await other.to("S2");
      const others = await WireSessions.open(other.under.half, carrier);
      const client = await others.session();
      const txid = txidOf(other.sentBy("3032f3a9"));
      expect(await client.call("blockchain.transaction.get", [txid])).toBe("00ff");
      await others.close();
    } finally {
      await other.stop();
    }
  });

  it("send transactions on and pass the node's own words back", async () => {
    expect(await ask("blockchain.transaction.broadcast", "0102030405060708")).toBe("cd".repeat(32));
    expect(Buffer.from(broadcasts.at(-1) as string, "base64").toString("hex")).toBe("0102030405060708");
    await refused("blockchain.transaction.broadcast", ["0102"], {
      code: 1,
      message: "the transaction was rejected by network rules.\n\nTX decode failed.\n[0102]",
    });
    await refused("blockchain.transaction.broadcast", ["zz"], {
      code: 1,
      message: "zz should be a hex string",
    });
    await refused("blockchain.transaction.broadcast", [""], { code: 1 });
    // Why the node is away is the operator's affair, with the files and addresses that it names.
    await refused("blockchain.transaction.broadcast", ["deaddead"], {
      code: 2,
      message: "daemon error: the node does not answer just now; try again",
    });
    await refused("blockchain.transaction.broadcast", ["beefbeef"], {
      code: 2,
      message: "daemon error: no answer; the transaction may have been sent. Sending it again does no harm.",
    });
  });

  it("send packages on", async () => {
    expect(await ask("blockchain.transaction.broadcast_package", ["00", "01"])).toEqual({ success: true });
    expect(await ask("blockchain.transaction.broadcast_package", ["00"])).toEqual({
      success: false,
      errors: [{ txid: UNKNOWN, error: "dust" }],
    });
    expect(await ask("blockchain.transaction.broadcast_package", ["00"], true)).toEqual({
      package_msg: "success",
    });
    await refused("blockchain.transaction.broadcast_package", ["00"], {
      code: 1,
      message: "00 should be a list",
    });
    await refused("blockchain.transaction.broadcast_package", [[]], { code: 1 });
    await refused("blockchain.transaction.broadcast_package", [["0g"]], { code: 1 });
  });

  it("estimate fees by the node, once for all targets of a bucket", async () => {
    expect(await ask("blockchain.estimatefee", 13)).toBe(0.00001234);
    expect(await ask("blockchain.estimatefee", 12)).toBe(0.00001234);
    expect(await ask("blockchain.estimatefee", 1_000)).toBe(-1);
    expect(await ask("blockchain.estimatefee", 2, "economical")).toBe(0.00001234);
    expect(await ask("blockchain.estimatefee", 2, 5)).toBe(0.00001234);
    // What was answered a while ago is asked for again, and this machine may be slow.
    const different = new Set(estimates.map((one) => JSON.stringify(one)));
    expect([...different].map((one) => JSON.parse(one) as object)).toEqual([
      { targets: [12], mode: "default" },
      { targets: [984], mode: "default" },
      { targets: [2], mode: "economical" },
      { targets: [2], mode: "default" },
    ]);
    await refused("blockchain.estimatefee", [2, "FOO"], {
      code: 1,
      message: "unknown estimatefee mode: FOO",
    });
    const buckets = [0, 1, 2, 12, 13, 14, 24, 25, 26, 27, 47, 48, 49, 71, 72, 144, 500, 1_008, 5_000];
    expect(buckets.map(feeTargetBucket)).toEqual([
      1, 1, 2, 12, 12, 14, 24, 25, 26, 26, 46, 48, 48, 48, 72, 144, 480, 1_008, 1_008,
    ]);
  });

  it("tell relay fees and the histogram", async () => {
    expect(await ask("mempool.get_info")).toEqual({
      mempoolminfee: 0.000002,
      minrelaytxfee: 0.000001,
      incrementalrelayfee: 0.000003,
    });
    expect(await (await sessions.session("1.4")).call("blockchain.relayfee")).toBe(0.000001);
    expect(await ask("mempool.get_fee_histogram")).toEqual(HISTOGRAM);
  });

  it("exist in the versions that have them, and in no other", async () => {
    const hash = stages.scripthash("A");
    const absent: readonly (readonly [string, string, unknown[]])[] = [
      ["1.4", "blockchain.scripthash.unsubscribe", [hash]],
      ["1.4", "mempool.get_info", []],
      ["1.4.2", "blockchain.transaction.broadcast_package", [["00"]]],
      ["1.6", "blockchain.relayfee", []],
      ["1.6", "blockchain.address.get_balance", ["x"]],
      ["1.6", "blockchain.block.get_header", [1]],
    ];
    for (const [agreed, method, params] of absent) {
      const client = await sessions.session(agreed);
      await expect(client.call(method, params)).rejects.toMatchObject({
        code: -32_601,
        message: `unknown method "${method}"`,
      });
      client.close();
    }
    for (const agreed of ["1.4.2", "1.4.3", "1.5", "1.6"]) {
      const before = sessions.subscriptions;
      const client = await sessions.session(agreed);
      await client.call("blockchain.scripthash.subscribe", [hash]);
      expect(await client.call("blockchain.scripthash.unsubscribe", [hash])).toBe(true);
      expect(await client.call("blockchain.scripthash.unsubscribe", [hash])).toBe(false);
      expect(sessions.subscriptions).toBe(before);
      client.close();
    }
  });

  it("take script hashes of either case and refuse what is none", async () => {
    const hash = stages.scripthash("A");
    expect(await ask("blockchain.scripthash.get_balance", hash.toUpperCase())).toEqual(
      await ask("blockchain.scripthash.get_balance", hash),
    );
    for (const bad of ["", hash.slice(1), `${hash}0`, "g".repeat(64), 7, null, [hash]]) {
      await refused("blockchain.scripthash.get_history", [bad], {
        code: 1,
        message: expect.stringContaining("is not a valid script hash"),
      });
    }
  });

  it("take named parameters and refuse unknown ones", async () => {
    expect(await session.call("blockchain.block.header", { height: 5, cp_height: 0 })).toBe(
      await ask("blockchain.block.header", 5),
    );
    await refused("blockchain.block.header", { hight: 5 }, { code: -32_602 });
    await refused("blockchain.block.header", { height: 5, foo: 1 }, { code: -32_602 });
  });

  it("take parameters by the names that the protocol gives them, in any order, as they take them in a list", async () => {
    const [scripthash, { txid }] = [stages.scripthash("A"), stages.chain.verboseTransaction];
    const height = stages.chain.blocks.findIndex((raw) => raw.includes(stages.chain.verboseTransaction.hex));
    const calls: readonly (readonly [string, object])[] = [
      ["server.add_peer", { features: {} }],
      ["blockchain.block.header", { height: 5, cp_height: 8 }],
      ["blockchain.block.headers", { start_height: 1, count: 2, cp_height: 8 }],
      ["blockchain.estimatefee", { number: 2, mode: "ECONOMICAL" }],
      ...["get_balance", "get_history", "get_mempool", "listunspent", "subscribe"].map(
        (name) => [`blockchain.scripthash.${name}`, { scripthash }] as const,
      ),
      ["blockchain.transaction.broadcast", { raw_tx: "0102030405060708" }],
      ["blockchain.transaction.broadcast_package", { raw_txs: ["00"], verbose: true }],
      ["blockchain.transaction.get", { tx_hash: txid, verbose: true }],
      ["blockchain.transaction.get_merkle", { tx_hash: txid, height }],
      ["blockchain.transaction.id_from_pos", { height, tx_pos: 0, merkle: true }],
      ...["banner", "donation_address", "features", "peers.subscribe", "ping"].map(
        (name) => [`server.${name}`, {}] as const,
      ),
      ...["blockchain.headers.subscribe", "mempool.get_fee_histogram", "mempool.get_info"].map(
        (name) => [name, {}] as const,
      ),
    ];
    for (const [method, named] of calls) {
      const backwards = Object.fromEntries(Object.entries(named).reverse());
      const listed = await session.call(method, Object.values(named));
      expect([method, await session.call(method, backwards)]).toEqual([method, listed]);
    }
    const own = { scripthash };
    await session.call("blockchain.scripthash.subscribe", own);
    expect(await session.call("blockchain.scripthash.unsubscribe", own)).toBe(true);
    expect(await (await sessions.session("1.4")).call("blockchain.relayfee", {})).toBe(0.000001);
  });

  it("tell of the server what it is told to say", async () => {
    expect(await ask("server.banner")).toBe("hello");
    expect(await ask("server.donation_address")).toBe("");
    expect(await ask("server.features")).toEqual({
      hosts: {},
      pruning: null,
      server_version: "Troupe test",
      protocol_min: "1.4",
      protocol_max: "1.6",
      genesis_hash: stages.chain.genesisHash,
      hash_function: "sha256",
    });
  });

  it("leave the genesis coinbase out of histories, and name it by its place", async () => {
    expect(await ask("blockchain.transaction.id_from_pos", 0, 0)).toBe(
      "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
    );
    const genesisScript = "740485f380ff6379d11ef6fe7d7cdd68aea7f8bd0d953d9fdf3531fb7d531833";
    expect(await ask("blockchain.scripthash.get_history", genesisScript)).toEqual([]);
    expect(await ask("blockchain.scripthash.subscribe", genesisScript)).toBeNull();
  });
});
