/** A node whose answers are spoilt at random: the follower fails only in words of the node's, and is level once the answers are whole. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { crowd } from "../../../bench/mempool/crowd.ts";
import { type CallMany, mineCoins, send } from "../../../bench/mempool/fill.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { nodeSection } from "../../../bitcoind/config.ts";
import { NodeMempool } from "../../../bitcoind/questions/mempool.ts";
import { SandboxNode } from "../../../bitcoind/sandbox/node.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { callNode } from "../../../tests/harness/node/bitcoind.ts";
import { SEED } from "../../../tests/harness/seed.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { View } from "../view/view.ts";
import { Follower } from "./follower.ts";

const TXS = 60;
const ROUNDS = 30;
const GARBAGE: readonly unknown[] = [
  null,
  true,
  -1,
  1e300,
  2 ** 53,
  0.5,
  "",
  "zz".repeat(32),
  "00".repeat(32),
  "x".repeat(10_000),
  [],
  {},
  [[[]]],
];

let directory: string;
let node: SandboxNode;
let liar: Server;
let client: NodeClient;
/** Of a hundred answers. */
let spoiltPercent = 0;
const random = new Randomness(SEED);

const below = (bound: number): number => Math.floor(random.fraction() * bound);

/** Puts garbage in one place of the answer, or takes one away. */
function spoil(value: unknown): unknown {
  if (typeof value !== "object" || value === null || random.fraction() < 0.15) {
    return GARBAGE[below(GARBAGE.length)];
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return GARBAGE[below(GARBAGE.length)];
    const at = below(value.length);
    if (random.fraction() < 0.2) return value.toSpliced(at, 1);
    return value.with(at, spoil(value[at]));
  }
  const keys = Object.keys(value);
  const key = keys[below(keys.length)] ?? "result";
  const { [key]: part, ...rest } = value as Record<string, unknown>;
  return random.fraction() < 0.2 ? rest : { ...rest, [key]: spoil(part) };
}

function spoilBytes(bytes: Buffer): Buffer {
  const broken = Buffer.from(bytes);
  for (let i = 0; i < 1 + below(4) && broken.length > 0; i++) broken[below(broken.length)] = below(256);
  return random.fraction() < 0.3 ? broken.subarray(0, below(broken.length)) : broken;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "troupe-lying-"));
  node = await SandboxNode.start({ dataDirectory: directory });
  liar = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const answer = await fetch(`${node.rpcUrl}${request.url}`, {
      method: request.method ?? "GET",
      headers: { authorization: request.headers.authorization ?? "" },
      ...(body.length > 0 ? { body } : {}),
    });
    let bytes: Buffer = Buffer.from(await answer.arrayBuffer());
    if (below(100) < spoiltPercent) {
      const isJson = answer.headers.get("content-type")?.includes("json") ?? false;
      bytes =
        isJson && random.fraction() < 0.9
          ? Buffer.from(JSON.stringify(spoil(JSON.parse(bytes.toString("utf8")))) ?? "")
          : spoilBytes(bytes);
    }
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  const rpc = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
  const config = nodeSection.schema.parse({ rpc: [rpc], cookie_file: node.cookiePath, timeout_ms: 5_000 });
  client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
});

afterEach(async () => {
  await client.close();
  await new Promise((resolve) => liar.close(resolve));
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

it("never believes nonsense for good, and never falls over it", async () => {
  const call: CallMany = async (calls) =>
    Promise.all(
      calls.map(async ({ method, params }) => ({
        result: await callNode(node.rpcUrl, node.cookiePath, method, params),
      })),
    );
  const coins = await mineCoins(call, 2 * TXS);
  const txs = [...crowd(coins, TXS)];
  const view = new View();
  const failures: unknown[] = [];
  const stop = new AbortController();
  const follower = new Follower({
    source: new NodeMempool(client),
    view,
    clock: systemClock,
    serialization: "bitcoin",
    pollMs: () => 5,
    memoryBytesMax: 1e9,
    kept: new Map(),
    news: { changed: () => undefined, progress: () => undefined, level: () => undefined },
  });
  const running = (async () => {
    while (!stop.signal.aborted) {
      await follower.run(stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) failures.push(error);
      });
    }
  })();

  for (let round = 0; round < ROUNDS; round++) {
    spoiltPercent = 40;
    await send(call, txs.splice(0, 2));
    if (round % 5 === 4) await call([{ method: "generatetoaddress", params: [1, ADDRESS] }]);
    follower.compare();
    for (let step = 0; step < 6; step++) await follower.nextStep();

    spoiltPercent = 0;
    await waitFor("the view to be level", async () => {
      follower.compare();
      await follower.nextStep();
      return (
        view.isSynced && view.chain.tip?.hash === node.tip.hash && view.tables.count === node.mempoolCount
      );
    });
    const listed = (await callNode(node.rpcUrl, node.cookiePath, "getrawmempool", [])) as string[];
    expect([...view.tables.unconfirmed()].map(({ txid }) => txid).sort()).toEqual([...listed].sort());
    const { total_fee: fees } = (await callNode(node.rpcUrl, node.cookiePath, "getmempoolinfo", [])) as {
      total_fee: number;
    };
    expect(view.tables.feeSat).toBe(Math.round(fees * 1e8));
  }
  stop.abort(new Error("end of the test"));
  await running;

  const foreign = failures.filter(
    (error) => !/^(NODE|BITCOIN)_/.test(String((error as { code?: string }).code)),
  );
  expect(foreign).toEqual([]);
  // Without failures nothing was proved.
  expect(failures.length).toBeGreaterThan(10);
}, 120_000);

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
