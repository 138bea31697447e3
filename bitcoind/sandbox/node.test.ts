/** The sandbox by itself: what a client and a person see of it, and what is left of it after a sudden end. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { callNode } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner, type OwnedCoin } from "../../tests/harness/node/coin-owner.ts";
import { SandboxNode } from "./node.ts";

const owner = new CoinOwner("sandbox");
const ADDRESS = owner.address("p2wpkh");
const COINBASE_SAT = 5_000_000_000n;

let directory: string;
let node: SandboxNode;
let clock: ManualClock;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "troupe-sandbox-"));
  clock = new ManualClock();
  node = await SandboxNode.start({ dataDirectory: directory, clock });
});

afterEach(async () => {
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

const rpc = (method: string, ...params: unknown[]) => callNode(node.rpcUrl, node.cookiePath, method, params);
const mine = (count: number, address = ADDRESS) =>
  rpc("generatetoaddress", count, address) as Promise<string[]>;
const blocksFile = () => join(directory, "regtest", "blocks", "blk00000.dat");

async function coinbaseOf(height: number): Promise<OwnedCoin> {
  const block = (await rpc("getblock", await rpc("getblockhash", height), 1)) as { tx: string[] };
  return { txid: block.tx[0] as string, index: 0, amountSat: COINBASE_SAT, kind: "p2wpkh" };
}

async function post(body: string, authorization?: string): Promise<Response> {
  const cookie = `Basic ${Buffer.from(readFileSync(node.cookiePath)).toString("base64")}`;
  return fetch(node.rpcUrl, { method: "POST", body, headers: { authorization: authorization ?? cookie } });
}

describe("the sandbox's chain", () => {
  it("begins at the genesis block of regtest", async () => {
    expect(await rpc("getblockhash", 0)).toBe(
      "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    );
    expect(await rpc("getblockcount")).toBe(0);
  });

  it("makes the same chain again when the clock says the same", async () => {
    const first = await mine(5);
    await node.stop();
    rmSync(directory, { recursive: true });
    node = await SandboxNode.start({ dataDirectory: directory, clock: new ManualClock() });

    expect(await mine(5)).toEqual(first);
  });

  it("mines what was sent to it, and halves the subsidy after 150 blocks", async () => {
    await mine(150);
    const { hex, txid } = owner.spend(
      [await coinbaseOf(1)],
      [{ kind: "p2tr", amountSat: COINBASE_SAT - 1_000n }],
    );
    expect(await rpc("sendrawtransaction", hex)).toBe(txid);
    const [hash] = await mine(1);

    const block = (await rpc("getblock", hash, 2)) as { tx: { txid: string; vout: { value: number }[] }[] };
    expect(block.tx[1]?.txid).toBe(txid);
    expect(await coinbaseValue(149)).toBe(50);
    expect(await coinbaseValue(150)).toBe(25);
    expect(block.tx[0]?.vout[0]?.value).toBe(25.00001);
    expect(await rpc("getrawmempool")).toEqual([]);
  });

  it("takes what it mined out of the mempool, whoever else follows the chain", async () => {
    const heights: number[] = [];
    node.onChange(() => heights.push(node.tip.height));
    await mine(101);
    const { hex } = owner.spend([await coinbaseOf(1)], [{ kind: "p2tr", amountSat: 1_000n }]);
    await rpc("sendrawtransaction", hex, 0);

    await mine(2);

    expect(node.mempoolCount).toBe(0);
    expect(heights.slice(-2)).toEqual([102, 103]);
  });

  it("gives transactions back to the mempool when a block is taken out, and mines them again", async () => {
    await mine(101);
    const { hex, txid } = owner.spend([await coinbaseOf(1)], [{ kind: "p2tr", amountSat: 1_000n }]);
    await rpc("sendrawtransaction", hex, 0);
    const [hash] = await mine(1);

    await rpc("invalidateblock", hash);
    expect(await rpc("getblockcount")).toBe(101);
    expect(await rpc("getrawmempool")).toEqual([txid]);

    const [again] = await mine(1);
    expect(((await rpc("getblock", again)) as { tx: string[] }).tx[1]).toBe(txid);
    expect(await rpc("getchaintips")).toEqual([
      { height: 102, hash: again, branchlen: 0, status: "active" },
      { height: 102, hash, branchlen: 1, status: "invalid" },
    ]);
  });

  it("goes over to a longer branch, and stays where work is equal", async () => {
    await mine(3);
    const second = await rpc("getblockhash", 2);
    await rpc("invalidateblock", second);
    const [other] = await mine(1, owner.address("p2tr"));
    await rpc("reconsiderblock", second);
    expect(await rpc("getblockcount")).toBe(3);

    await rpc("invalidateblock", second);
    await mine(2);
    await rpc("reconsiderblock", second);
    expect(await rpc("getblockcount")).toBe(4);
    expect(await rpc("getblockhash", 2)).toBe(other);
  });
});

describe("the sandbox's mempool", () => {
  it("lets a higher fee replace a lower one, and drops what the replaced one fed", async () => {
    await mine(101);
    const coin = await coinbaseOf(1);
    const first = owner.spend([coin], [{ kind: "p2wpkh", amountSat: COINBASE_SAT - 1_000n }]);
    await rpc("sendrawtransaction", first.hex);
    const fed = { txid: first.txid, index: 0, amountSat: COINBASE_SAT - 1_000n, kind: "p2wpkh" as const };
    await rpc(
      "sendrawtransaction",
      owner.spend([fed], [{ kind: "p2tr", amountSat: COINBASE_SAT - 2_000n }]).hex,
    );

    const little = owner.spend([coin], [{ kind: "p2tr", amountSat: COINBASE_SAT - 1_500n }]);
    await expect(rpc("sendrawtransaction", little.hex)).rejects.toMatchObject({ rpcCode: -26 });
    const enough = owner.spend([coin], [{ kind: "p2tr", amountSat: COINBASE_SAT - 3_000n }]);
    await rpc("sendrawtransaction", enough.hex);
    expect(await rpc("getrawmempool")).toEqual([enough.txid]);
  });

  it("takes a parent without fee when its child pays for both, and not otherwise", async () => {
    await mine(101);
    const parent = owner.spend([await coinbaseOf(1)], [{ kind: "p2wpkh", amountSat: COINBASE_SAT }], {
      version: 3,
    });
    const child = (feeSat: bigint) =>
      owner.spend(
        [{ txid: parent.txid, index: 0, amountSat: COINBASE_SAT, kind: "p2wpkh" }],
        [{ kind: "p2tr", amountSat: COINBASE_SAT - feeSat }],
        { version: 3 },
      ).hex;
    await expect(rpc("sendrawtransaction", parent.hex)).rejects.toThrow(/min relay fee not met/);

    const poor = (await rpc("submitpackage", [parent.hex, child(15n)])) as { package_msg: string };
    expect(poor.package_msg).toBe("transaction failed");
    expect(await rpc("getrawmempool")).toEqual([]);
    const rich = (await rpc("submitpackage", [parent.hex, child(1_000n)])) as { package_msg: string };
    expect(rich.package_msg).toBe("success");
    expect(await rpc("getmempoolentry", parent.txid)).toMatchObject({
      descendantcount: 2,
      fees: { base: 0, descendant: 0.00001 },
    });
    await mine(1);
    expect(await rpc("getrawmempool")).toEqual([]);
  });

  it("takes a package only as a child behind all of its parents, as Bitcoin Core does", async () => {
    await mine(102);
    const parentOf = async (height: number) =>
      owner.spend([await coinbaseOf(height)], [{ kind: "p2wpkh", amountSat: COINBASE_SAT - 1_000n }]);
    const [parent, stranger] = [await parentOf(1), await parentOf(2)];
    const fed = { txid: parent.txid, index: 0, amountSat: COINBASE_SAT - 1_000n, kind: "p2wpkh" as const };
    const middle = owner.spend([fed], [{ kind: "p2wpkh", amountSat: COINBASE_SAT - 2_000n }]);
    const child = owner.spend(
      [
        { ...fed, txid: middle.txid, amountSat: COINBASE_SAT - 2_000n },
        { ...fed, txid: stranger.txid },
      ],
      [{ kind: "p2tr", amountSat: 2n * COINBASE_SAT - 5_000n }],
    );

    const refused = [
      [middle.hex, parent.hex],
      [parent.hex, stranger.hex],
      [parent.hex, middle.hex, child.hex],
    ];
    for (const rawTxs of refused) {
      await expect(rpc("submitpackage", rawTxs)).rejects.toMatchObject({
        rpcCode: -25,
        message: expect.stringMatching(/package topology disallowed/),
      });
    }
    expect(await rpc("getrawmempool")).toEqual([]);
    expect(await rpc("submitpackage", [parent.hex, middle.hex])).toMatchObject({ package_msg: "success" });
    expect(await rpc("submitpackage", [stranger.hex, child.hex])).toMatchObject({ package_msg: "success" });
    expect(await rpc("getrawmempool")).toHaveLength(4);
  });

  it("tells whether it would take a transaction, and takes none by that", async () => {
    await mine(101);
    const good = owner.spend([await coinbaseOf(1)], [{ kind: "p2tr", amountSat: COINBASE_SAT - 1_000n }]);
    const bad = owner.spend([await coinbaseOf(3)], [{ kind: "p2tr", amountSat: 1_000n }]);

    expect(await rpc("testmempoolaccept", [good.hex])).toMatchObject([
      { allowed: true, fees: { base: 0.00001 } },
    ]);
    expect(await rpc("testmempoolaccept", [bad.hex])).toMatchObject([
      {
        allowed: false,
        "reject-reason": "bad-txns-premature-spend-of-coinbase (tried to spend coinbase at depth 99)",
      },
    ]);
    expect(await rpc("getrawmempool", false, true)).toEqual({ txids: [], mempool_sequence: 1 });
  });

  it("guards against fees that nobody means", async () => {
    await mine(101);
    const { hex } = owner.spend([await coinbaseOf(1)], [{ kind: "p2tr", amountSat: 1_000n }]);
    await expect(rpc("sendrawtransaction", hex)).rejects.toMatchObject({ rpcCode: -25 });
    expect(await rpc("sendrawtransaction", hex, 0)).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("the sandbox's disk", () => {
  it("keeps chain and mempool over a restart", async () => {
    await mine(101);
    const { hex, txid } = owner.spend(
      [await coinbaseOf(1)],
      [{ kind: "p2tr", amountSat: COINBASE_SAT - 1_000n }],
    );
    await rpc("sendrawtransaction", hex);
    const tip = await rpc("getbestblockhash");

    await node.stop();
    node = await SandboxNode.start({ dataDirectory: directory, clock });
    expect(await rpc("getbestblockhash")).toBe(tip);
    expect(await rpc("getrawmempool")).toEqual([txid]);
  });

  it("drops a block that was only half written, and goes on from there", async () => {
    await mine(3);
    const before = await rpc("getblockhash", 2);
    await node.stop();
    truncateSync(blocksFile(), statSync(blocksFile()).size - 10);

    node = await SandboxNode.start({ dataDirectory: directory, clock });
    expect(await rpc("getbestblockhash")).toBe(before);
    await mine(2);
    await node.stop();
    node = await SandboxNode.start({ dataDirectory: directory, clock });
    expect(await rpc("getblockcount")).toBe(4);
  });

  it("is not put off by bytes that are no block", async () => {
    await mine(3);
    await node.stop();
    appendFileSync(blocksFile(), Buffer.alloc(100_000, 0x55));
    node = await SandboxNode.start({ dataDirectory: directory, clock });
    expect(await rpc("getblockcount")).toBe(3);
  });

  it("remembers which blocks were taken out", async () => {
    await mine(3);
    await rpc("invalidateblock", await rpc("getblockhash", 2));
    await node.stop();
    node = await SandboxNode.start({ dataDirectory: directory, clock });
    expect(await rpc("getblockcount")).toBe(1);
  });

  it("shows its cookie to its owner only, and takes it away at the end", async () => {
    expect(statSync(node.cookiePath).mode & 0o777).toBe(0o600);
    await node.stop();
    expect(() => statSync(node.cookiePath)).toThrow(/ENOENT/);
  });
});

describe("the sandbox's door", () => {
  it("asks for the cookie", async () => {
    expect((await post("{}", "Basic bm86bm8=")).status).toBe(401);
    expect((await fetch(node.rpcUrl)).status).toBe(405);
  });

  it.each([
    [
      '{"method":"nonsense","id":1}',
      404,
      { result: null, error: { code: -32601, message: "Method not found" }, id: 1 },
    ],
    [
      '{"jsonrpc":"2.0","method":"getblockhash","params":[9],"id":1}',
      200,
      { jsonrpc: "2.0", error: { code: -8, message: "Block height out of range" }, id: 1 },
    ],
    [
      '{"jsonrpc":"2.0","method":"getblockhash","params":{"height":9},"id":1}',
      200,
      { jsonrpc: "2.0", error: { code: -8, message: "Block height out of range" }, id: 1 },
    ],
    ['{"method":"getblockcount","id":"x"}', 200, { result: 0, error: null, id: "x" }],
    [
      '[{"method":"getblockcount","id":1},7]',
      200,
      [
        { result: 0, error: null, id: 1 },
        { result: null, error: { code: -32600, message: "Invalid Request object" }, id: null },
      ],
    ],
    ["{", 500, { result: null, error: { code: -32700, message: "Parse error" }, id: null }],
    ['{"id":1}', 400, { result: null, error: { code: -32600, message: "Missing method" }, id: 1 }],
    [
      '{"method":"constructor","id":1}',
      404,
      { result: null, error: { code: -32601, message: "Method not found" }, id: 1 },
    ],
  ])("answers %s as Bitcoin Core does", async (body, status, answer) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(answer);
  });

  it("answers a notification with nothing", async () => {
    expect((await post('{"jsonrpc":"2.0","method":"getblockcount"}')).status).toBe(204);
  });

  it("refuses a request of more than 16 MiB", async () => {
    const status = await post(" ".repeat(17 * 1024 * 1024)).then(
      (response) => response.status,
      // The door may close while we still send.
      () => 413,
    );
    expect(status).toBe(413);
  });

  it.each([
    ["getblockhash", ["1"], -3],
    ["getblockhash", [], -1],
    ["getblock", ["00"], -8],
    ["getblock", ["00".repeat(32)], -5],
    ["getmempoolentry", ["00".repeat(32)], -5],
    ["getrawtransaction", ["00".repeat(32)], -5],
    ["sendrawtransaction", ["00"], -22],
    ["submitblock", ["00"], -22],
    ["generatetoaddress", [1, "nobody"], -5],
    ["getrawmempool", [true, true], -8],
  ])("refuses %s %j with code %i", async (method, params, rpcCode) => {
    await expect(rpc(method as string, ...(params as unknown[]))).rejects.toMatchObject({ rpcCode });
  });

  it("says goodbye and ends when told to stop", async () => {
    expect(await rpc("stop")).toMatch(/stopping/);
    await node.stopped;
    await expect(fetch(node.rpcUrl)).rejects.toThrow();
  });
});

it("mines by itself at the interval it was given", async () => {
  await node.stop();
  node = await SandboxNode.start({
    dataDirectory: directory,
    clock,
    mining: { intervalMs: 10_000, address: ADDRESS },
  });
  clock.advance(35_000);
  expect(await rpc("getblockcount")).toBe(3);
});

async function coinbaseValue(height: number): Promise<number> {
  const block = (await rpc("getblock", await rpc("getblockhash", height), 2)) as {
    tx: { vout: { value: number }[] }[];
  };
  return block.tx[0]?.vout[0]?.value ?? 0;
}
