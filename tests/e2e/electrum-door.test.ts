/** The Electrum door of a running troupe: clients on every carrier that the sandbox opens, and the operator who looks after them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Home } from "../harness/cli/command.ts";
import { RawClient } from "../harness/electrum/raw-client.ts";
import { electrumTarget } from "../harness/electrum/running-door.ts";
import { waitFor } from "../harness/wait-for.ts";

let home: Home;

beforeAll(async () => {
  home = new Home();
  await home.start(
    ...["--sandbox", "--data", home.data],
    ...["ws", "wss"].flatMap((carrier) => ["--set", `gateway.electrum_${carrier}_listen=127.0.0.1:0`]),
  );
});

afterAll(() => home.close());

async function json<T>(...words: string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await home.run("electrum", ...words, "--json");
  if (exitCode !== 0) throw new Error(`electrum ${words.join(" ")} failed: ${stderr}`);
  return JSON.parse(stdout) as T;
}

test("wallets find the same chain behind every carrier", async () => {
  const tree = await home.tree();
  const genesis: unknown[] = [];
  for (const carrier of ["tcp", "tls", "ws", "wss"] as const) {
    const client = await RawClient.greeted(electrumTarget(tree, carrier));
    await waitFor("the index to have blocks", async () => {
      const tip = (await client.call("blockchain.headers.subscribe").catch(() => undefined)) as
        | { height: number }
        | undefined;
      return (tip?.height ?? 0) > 0;
    });
    genesis.push(((await client.call("server.features")) as { genesis_hash: string }).genesis_hash);
    expect(await client.call("blockchain.block.header", [0])).toMatch(/^01000000(00){32}3ba3edfd/);
    client.close();
  }

  expect(new Set(genesis).size).toBe(1);
});

test("a block that is mined is told to those who have subscribed", async () => {
  const client = await RawClient.greeted(electrumTarget(await home.tree(), "tls"));
  const { height } = (await client.call("blockchain.headers.subscribe")) as { height: number };

  const news = await client.next();

  expect(news).toMatchObject({ method: "blockchain.headers.subscribe", params: [{ height: height + 1 }] });
  client.close();
});

test("the operator sees the sessions, closes one, bans an address and lets it in again", async () => {
  const target = electrumTarget(await home.tree(), "tcp");
  const client = await RawClient.greeted(target);
  await client.call("server.ping");

  const { sessions } = await json<{ sessions: { id: number; client: string; requests: number }[] }>(
    "sessions",
  );
  const own = sessions.find(({ client: name }) => name === "test");
  const shown = await home.run("electrum", "sessions");
  const stats = await json<{ sessions: { open: number }; requests: { methods: { method: string }[] } }>(
    "stats",
  );
  const statsShown = await home.run("electrum", "stats");

  expect(own?.requests).toBe(2);
  expect(shown.stdout).toMatch(/^SESSION +BY +ADDRESS[\s\S]*tcp +127\.0\.0\.1[\s\S]*1\.6 +test$/m);
  expect(stats.sessions.open).toBe(1);
  expect(stats.requests.methods.map(({ method }) => method)).toContain("server.ping");
  expect(statsShown.stdout).toMatch(/^sessions +1 of [\s\S]*server\.ping/m);

  expect(await json("disconnect", String(own?.id))).toEqual({ disconnected: 1 });
  await client.closed();
  expect((await home.run("electrum", "disconnect", String(own?.id))).stdout).toBe(
    "Closed 0 sessions. 1 session had gone already.\n",
  );

  const again = await RawClient.greeted(target);
  expect((await home.run("electrum", "ban", "127.0.0.1", "--minutes", "60")).stdout).toBe(
    "Banned 127.0.0.1 for 60 minutes; closed 1 session.\n",
  );
  await again.closed();
  const turnedAway = await RawClient.connect(target);
  expect(await turnedAway.rest()).toEqual([]);
  expect((await home.run("electrum", "bans")).stdout).toMatch(/^127\.0\.0\.1 +for another/);
  expect(await json("unban", "127.0.0.1")).toEqual({ wasBanned: true });
  const back = await RawClient.greeted(target);
  back.close();
});

test("orders that make no sense are refused with the way out", async () => {
  const nothing = await home.run("electrum", "disconnect");
  const nonsense = await home.run("electrum", "ban", "host.example");
  const elsewhere = await home.run("electrum", "stats", "--host", "nowhere");

  expect([nothing.exitCode, nothing.stderr]).toEqual([
    2,
    expect.stringMatching(/Say which sessions to close/),
  ]);
  expect([nonsense.exitCode, nonsense.stderr]).toEqual([
    1,
    expect.stringMatching(/neither an address nor a network/),
  ]);
  expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([1, expect.stringMatching(/gateway/)]);
});
