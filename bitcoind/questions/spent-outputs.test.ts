/** What a block spends, as the sandbox and a real node tell it over REST and RPC, against the transactions themselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BlockHash, bytesToHex, type Txid } from "../../bitcoin/bytes.ts";
import { Writer } from "../../bitcoin/codec.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { systemClock } from "../../runtime/clock.ts";
import { KeptLog } from "../../tests/harness/kept-log.ts";
import { callNode, findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../tests/harness/node/coin-owner.ts";
import { NodeClient } from "../client.ts";
import { nodeSection } from "../config.ts";
import { NodeConnection } from "../connection.ts";
import { SandboxNode } from "../sandbox/node.ts";
import { readSpentOutputs, spentScriptsByRest, spentScriptsByRpc } from "./spent-outputs.ts";

const BLOCK = "ab".repeat(32) as BlockHash;
const badInput = (hex: string) => ({ prevout: { scriptPubKey: { hex } } });
const bitcoind = findBitcoind();
const makers = [
  {
    name: "the sandbox, over REST",
    isMissing: false,
    async start() {
      const dataDirectory = mkdtempSync(join(tmpdir(), "troupe-spent-"));
      const node = await SandboxNode.start({ dataDirectory });
      const stop = async () => {
        await node.stop();
        rmSync(dataDirectory, { recursive: true, force: true });
      };
      return { rpcUrl: node.rpcUrl, cookiePath: node.cookiePath, stop };
    },
  },
  {
    name: "a real node",
    isMissing: bitcoind === undefined,
    start: () => RealNode.start(bitcoind as string),
  },
];

describe.each(makers.filter(({ isMissing }) => !isMissing))("$name", ({ start }) => {
  it("tells the scripts that a block spends, also those of outputs of the block itself", async () => {
    const node = await start();
    const rpc = (method: string, ...params: unknown[]) =>
      callNode(node.rpcUrl, node.cookiePath, method, params);
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    const client = new NodeClient({ config, network: regtest, clock: systemClock, log: new KeptLog() });
    try {
      const owner = new CoinOwner("spent");
      const hashes = (await rpc("generatetoaddress", 102, owner.address("p2wpkh"))) as BlockHash[];
      const coinbases = await Promise.all(
        hashes
          .slice(0, 2)
          .map(async (hash) => ((await rpc("getblock", hash, 1)) as { tx: Txid[] }).tx[0] as Txid),
      );
      const [one, two] = coinbases.map((txid) => ({
        txid,
        index: 0,
        amountSat: 5_000_000_000n,
        kind: "p2wpkh" as const,
      }));
      const first = owner.spend([one as never], [{ kind: "p2tr", amountSat: 4_999_990_000n }]);
      const child = { txid: first.txid as Txid, index: 0, amountSat: 4_999_990_000n, kind: "p2tr" as const };
      const second = owner.spend([child, two as never], [{ kind: "p2pkh", amountSat: 9_999_980_000n }]);
      for (const { hex } of [first, second]) await rpc("sendrawtransaction", hex);
      const [block] = (await rpc("generatetoaddress", 1, owner.address("p2pkh"))) as BlockHash[];

      const scripts = await client.spentScripts(block as BlockHash);
      const scriptOf = (kind: "p2wpkh" | "p2tr") => bytesToHex(scriptOfAddress(owner.address(kind), regtest));
      expect(scripts?.map(bytesToHex).sort()).toEqual(
        [scriptOf("p2wpkh"), scriptOf("p2wpkh"), scriptOf("p2tr")].sort(),
      );
      expect(await client.spentScripts(hashes[5] as BlockHash)).toEqual([]);
      expect(await client.spentScripts("ab".repeat(32) as BlockHash)).toBeUndefined();
    } finally {
      await client.close();
      await node.stop();
    }
  }, 60_000);
});

describe("spent outputs that a node cannot tell", () => {
  let server: Server;
  let connection: NodeConnection;
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    connection = new NodeConnection({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { authorization: () => "" },
      clock: systemClock,
      timeoutMs: 10_000,
      connections: 1,
    });
  });

  afterEach(async () => {
    await connection.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const both = () =>
    Promise.all([spentScriptsByRest(connection, BLOCK), spentScriptsByRpc(connection, BLOCK)]);

  it("are not known where they are more than is taken: no block is waited for because of that", async () => {
    answer = (response) => {
      response.writeHead(200, { "content-length": 2 ** 30 });
      response.flushHeaders();
    };
    expect(await both()).toEqual([undefined, undefined]);
  });

  it("are the node's failure where they are none", async () => {
    const bodies = ["garbage", JSON.stringify({ result: { tx: [{ vin: [] }, { vin: [badInput("zz")] }] } })];
    for (const body of bodies) {
      answer = (response) => response.writeHead(200).end(body);
      await expect(spentScriptsByRest(connection, BLOCK)).rejects.toMatchObject({ code: "NODE_BAD_REPLY" });
      await expect(spentScriptsByRpc(connection, BLOCK)).rejects.toMatchObject({ code: "NODE_BAD_REPLY" });
    }
  });
});

describe("spent outputs in bytes", () => {
  it("are read as they were written, and refused when they are cut short", () => {
    const anyBlock = fc.array(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }), { maxLength: 6 });
    fc.assert(
      fc.property(anyBlock, fc.nat(), (transactions, cut) => {
        const writer = new Writer().compactSize(transactions.length);
        for (const scripts of transactions) {
          writer.compactSize(scripts.length);
          for (const script of scripts) writer.i64(5n).varBytes(script);
        }
        const bytes = writer.finish();
        expect(readSpentOutputs(bytes)).toEqual(transactions.flat().map((script) => Buffer.from(script)));
        expect(() => readSpentOutputs(bytes.subarray(0, cut % bytes.length))).toThrow();
      }),
    );
  });
});
