import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { networkByName } from "../../../../bitcoin/network.ts";
import { indexerContract } from "../../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import { fakeActor } from "../../../../bus/fake.ts";
import { ManualClock } from "../../../../runtime/clock.ts";
import { RAW_TX } from "../../../../tests/harness/gateway/raw-tx.ts";
import { SocketClient as Client } from "../../../../tests/harness/gateway/socket-client.ts";
import { WalletDoor } from "../../../../tests/harness/gateway/wallet-door.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { transactionInfo } from "./spending/transaction-info.ts";

const { txid: TXID } = transactionInfo(RAW_TX, networkByName("regtest"));

const clock = new ManualClock();
const clients: Client[] = [];
const actors: { stop(): Promise<void> }[] = [];
let door: WalletDoor;
let token: string;
/** Transactions are told when this lets them. */
let mayTell: Promise<void>;
let asked: number;

beforeEach(async () => {
  door = await WalletDoor.start({
    clock,
    config: { wallet_ws_listen: "127.0.0.1:0", wallet_connections_max: 8 },
  });
  ({ token } = await door.create());
  [mayTell, asked] = [Promise.resolve(), 0];
  const raw = async () => {
    asked++;
    await mayTell;
    return { results: [RAW_TX] };
  };
  actors.push(await fakeActor(door.world, indexerContract, { rawTransactions: raw }));
  actors.push(await fakeActor(door.world, mempoolContract, { rawTransactions: raw }));
});
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.terminate();
  for (const actor of actors.splice(0)) await actor.stop();
  await door.stop();
});

async function client(path = "/jmws", given = token, options: WebSocket.ClientOptions = {}): Promise<Client> {
  const made = new Client(`ws://127.0.0.1:${door.port}${path}`, options);
  clients.push(made);
  await made.opened();
  if (given !== "") made.socket.send(given);
  await made.heard();
  return made;
}

const seen = (place: "mempool" | "block" | "gone", wallet = "rec.jmdat") =>
  door.walletd.publisher.event("transaction.seen", { wallet, txid: TXID, place, height: null });

describe("a WebSocket", () => {
  it("tells a transaction when it is seen, and again in a block, to whoever has shown a token", async () => {
    const [member, stranger] = [await client(), await client("/jmws", "")];
    seen("mempool");
    seen("block");
    await waitFor("both frames", () => member.frames.length === 2);
    for (const { txid, txdetails } of member.frames) {
      expect(txid).toBe(TXID);
      expect(txdetails).toMatchObject(transactionInfo(RAW_TX, networkByName("regtest")));
    }
    expect(member.frames.map(({ txdetails }) => txdetails?.confirmations).sort()).toEqual([0, 1]);
    await stranger.heard();
    expect(stranger.frames).toEqual([]);
  });

  it.each(["/", "/ws", "/jmws", "/api/v1/ws"])("is at %s", async (path) => {
    const member = await client(path);
    seen("mempool");
    await waitFor("the frame", () => member.frames.length === 1);
  });

  it("is at any path of a port of its own, with TLS or without, and nothing else is there", async () => {
    const port = Number(new URL(door.doors[1]?.address ?? "").port);
    for (const url of [`ws://127.0.0.1:${port}/`, `wss://127.0.0.1:${port}/any/path`]) {
      const made = new Client(url);
      clients.push(made);
      await made.opened();
      made.socket.send(token);
      await made.heard();
    }
    seen("mempool");
    await waitFor("both frames", () => clients.every(({ frames }) => frames.length === 1));
    expect((await fetch(`http://127.0.0.1:${port}/api/v1/getinfo`)).status).toBe(404);
  });

  it("takes a token again and again without a word, and closes on a bad one", async () => {
    const member = await client();
    for (let times = 0; times < 5; times++) member.socket.send(token);
    await member.heard();
    expect(member.frames).toEqual([]);
    member.socket.send("bad");
    expect(await member.closed).toBe(4001);
  });

  it("closes on bytes, on what is too long, and on too many messages", async () => {
    const [bytes, long, many] = [await client(), await client(), await client()];
    bytes.socket.send(Buffer.from(token));
    expect(await bytes.closed).toBe(4001);
    long.socket.send("x".repeat(5_000));
    expect(await long.closed).toBe(1009);
    for (let times = 0; times < 60; times++) many.socket.send(token);
    expect(await many.closed).toBe(1008);
  });

  it("says nothing of another wallet, of one that was locked, or with a token that has expired", async () => {
    const member = await client();
    seen("mempool", "other.jmdat");
    await door.ask("/wallet/rec.jmdat/lock", { token });
    seen("mempool");
    const { token: next } = (await door.unlock()).json;
    member.socket.send(next);
    await member.heard();
    expect(member.frames).toEqual([]);

    clock.advance(1_811_000);
    seen("mempool");
    const renewed = await client("/jmws", (await door.unlock()).json.token);
    seen("block");
    await waitFor("the frame of the renewed", () => renewed.frames.length === 1);
    expect(member.frames).toEqual([]);
  });

  it("says nothing of the wallet that was open before, also when its transaction is late", async () => {
    await client();
    let tell: () => void = () => undefined;
    mayTell = new Promise<void>((resolve) => {
      tell = resolve;
    });
    seen("mempool");
    await waitFor("the transaction to be asked for", () => asked > 0);
    door.hold("other.jmdat");
    const member = await client("/jmws", (await door.unlock("other.jmdat")).json.token);
    tell();
    mayTell = Promise.resolve();
    seen("block", "other.jmdat");

    await waitFor("its own transaction", () =>
      member.frames.some(({ txdetails }) => txdetails?.confirmations === 1),
    );
    await member.heard();
    expect(member.frames).toHaveLength(1);
  });

  it("that has shown the token of before the wallet was locked is closed, and hears all when it comes again with the new one", async () => {
    await door.ask("/wallet/rec.jmdat/lock", { token });
    const late = await client("/jmws", "");
    late.socket.send(token);
    expect(await late.closed).toBe(4001);
    const again = await client("/jmws", (await door.unlock()).json.token);
    seen("mempool");
    await waitFor("the frame", () => again.frames.length === 1);
  });

  it("without a token for ten minutes is closed, and so is one that does not answer", async () => {
    const stranger = await client("/jmws", "");
    for (let minutes = 0; minutes < 9; minutes++) {
      clock.advance(30_000);
      await stranger.heard();
      clock.advance(30_000);
      await stranger.heard();
    }
    clock.advance(30_000);
    await stranger.heard();
    clock.advance(30_000);
    expect(await stranger.closed).toBe(4002);

    const silent = await client("/jmws", token, { autoPong: false });
    clock.advance(30_000);
    clock.advance(30_000);
    expect(await silent.closed).toBe(1006);
  });

  it("is refused to pages of other sites, and to more than half of all connections", async () => {
    const stranger = new Client(`ws://127.0.0.1:${door.port}/jmws`, { origin: "https://evil.example" });
    await expect(stranger.opened()).rejects.toThrow("403");
    for (let count = 0; count < 4; count++) await client();
    const extra = new Client(`ws://127.0.0.1:${door.port}/jmws`);
    expect(await extra.closed).toBe(1013);
  });

  it("finds room while others have all of it who have shown no token", async () => {
    const strangers = [];
    for (let count = 0; count < 4; count++) strangers.push(await client("/jmws", ""));
    const member = await client();
    expect(await strangers[0]?.closed).toBe(1013);
    seen("mempool");
    await waitFor("the frame", () => member.frames.length === 1);
    expect(strangers.slice(1).map(({ socket }) => socket.readyState)).toEqual([1, 1, 1]);
  });

  it("is found by name only: other paths take none", async () => {
    await expect(new Client(`ws://127.0.0.1:${door.port}/api/v1/getinfo`).closed).resolves.toBeGreaterThan(0);
    await expect(new Client(`ws://127.0.0.1:${door.port}/nothing`).opened()).rejects.toThrow("404");
  });
});
