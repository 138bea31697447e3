/** The benchmark of a first sync: alone, of a node, of a node's files, and beside a peer. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBlockDirectory } from "../../bench/chain/block-directory.ts";
import { ChainFileSource, writeChain } from "../../bench/chain/chain-file.ts";
import { ChainNode } from "../../bench/chain/chain-node.ts";
import { madeChain } from "../../bench/chain/generator.ts";
import { builtUrl } from "../harness/built.ts";

const SHAPE = { seed: 21, transactions: 3_000, transactionsPerBlock: 50 };
const TIMEOUT_MS = 120_000;

/** Stands in for an Electrum server: says the tip's height once it has asked the node for the tip's block. */
const PEER = `
const { createServer } = require("node:net");
const { PEER_NODE_HOST, PEER_NODE_USER, PEER_DIRECTORY, PEER_PORT } = process.env;
const rpc = async (method, ...params) => (await (await fetch("http://" + PEER_NODE_HOST, {
  method: "POST", headers: { authorization: "Basic " + btoa(PEER_NODE_USER + ":x") },
  body: JSON.stringify({ id: 1, method, params }),
})).json()).result;
(async () => {
  const height = await rpc("getblockcount");
  const block = await rpc("getblock", await rpc("getblockhash", height), 0);
  require("node:fs").writeFileSync(PEER_DIRECTORY + "/store", block);
  createServer((socket) => socket.on("error", () => {}).on("data", () =>
    socket.write('{"id":1,"result":["peer","1.4"]}\\n{"id":2,"result":{"hex":"00","height":' + height + '}}\\n'),
  )).listen(Number(PEER_PORT), "127.0.0.1");
})();
`;

let folder = "";
let chainFile = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-bench-test-"));
  chainFile = join(folder, "chain.dat");
  await writeChain(chainFile, madeChain(SHAPE));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function bench(...args: string[]): Promise<Record<string, unknown>> {
  const program = fileURLToPath(builtUrl("bench/sync.js"));
  const child = spawn(process.execPath, [program, "--json", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return JSON.parse(out) as Record<string, unknown>;
}

describe("the benchmark of a first sync", () => {
  it(
    "indexes the same chain from its file, from a node and from the node's files",
    async () => {
      const source = await ChainFileSource.open(chainFile);
      const node = await ChainNode.start(source);
      const cookie = join(folder, "cookie");
      writeFileSync(cookie, "any:thing");
      const key = Buffer.from("0102030405060708", "hex");
      await writeBlockDirectory(join(folder, "home", "regtest", "blocks"), source.allBlocks(), { key });
      const { height } = await source.tip();
      const expected = { transactions: SHAPE.transactions, blocks: height + 1 };
      try {
        const ofNode = ["--node", `http://127.0.0.1:${node.port}`, "--cookie", cookie];
        expect(await bench("--chain", chainFile)).toMatchObject(expected);
        expect(await bench(...ofNode)).toMatchObject(expected);
        expect(node.blocksServed).toBe(height + 1);
        expect(await bench(...ofNode, "--datadir", join(folder, "home"))).toMatchObject(expected);
        expect(node.blocksServed).toBe(height + 1);
      } finally {
        await node.stop();
        await source.close();
      }
    },
    TIMEOUT_MS,
  );

  it(
    "lets a peer sync beside ours, and gives the ratios",
    async () => {
      const peer = join(folder, "peer.cjs");
      writeFileSync(peer, PEER);
      const figures = await bench("--chain", chainFile, "--peer", `fake="${process.execPath}" "${peer}"`);
      const results = figures["results"] as { name: string; storeBytes: number; cpuSeconds: number }[];
      expect(results.map(({ name }) => name)).toEqual(["troupe", "troupe from files", "fake"]);
      for (const { storeBytes, cpuSeconds } of results) {
        expect(storeBytes).toBeGreaterThan(0);
        expect(cpuSeconds).toBeGreaterThan(0);
      }
      expect(figures).toMatchObject({ transactions: SHAPE.transactions, ratios: [{ peer: "fake" }] });
    },
    TIMEOUT_MS,
  );
});
