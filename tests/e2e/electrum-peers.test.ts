/** Two troupes on one chain that find each other as Electrum servers, and their operators, who look at the lists. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ElectrumPeer } from "../../bus/contracts/gateway.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { freePorts } from "../../runtime/free-port.ts";
import { Home } from "../harness/cli/command.ts";
import { RawClient } from "../harness/electrum/raw-client.ts";
import { waitFor } from "../harness/wait-for.ts";

interface Answer {
  readonly mode: string;
  readonly peers: readonly ElectrumPeer[];
  readonly asked: { readonly accepted: number; readonly refused: number };
}

let first: Home;
let second: Home;
let ports: number[];

/** Each at an address of its own, as servers of the world are: what is announced must be where it is asked from. */
const FIRST = "127.0.0.2";
const SECOND = "127.0.0.3";

function door(host: string, port: number): string[] {
  return [
    ...["--set", `gateway.electrum_tcp_listen=${host}:${port}`, "--set", "gateway.electrum_tls_listen="],
    ...["--set", "gateway.electrum_peers=announce", "--set", `gateway.electrum_host_names=["${host}"]`],
  ];
}

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  return child.children.map((each) => find(each, id)).find((found) => found !== undefined);
}

beforeAll(async () => {
  first = new Home();
  second = new Home();
  ports = await freePorts(2);
  await first.start("--sandbox", "--data", first.data, ...door(FIRST, ports[0] as number));
  const node = find((await first.tree()).root, "node")?.doors[0]?.address ?? "";
  await second.start(
    ...["--data", second.data, "--set", "troupe.network=regtest", "--set", `node.rpc=["${node}"]`],
    ...["--set", `node.cookie_file=${join(first.data, "actors", "node", "regtest", ".cookie")}`],
    ...["--set", "placement.indexer=process", "--set", "placement.mempool=stage:main"],
    ...["--set", `gateway.electrum_peer_seeds=["${FIRST} t${ports[0]}"]`],
    ...door(SECOND, ports[1] as number),
  );
});

afterAll(async () => {
  await second.close();
  await first.close();
});

async function peersOf(home: Home): Promise<Answer> {
  const { stdout } = await home.run("electrum", "peers", "--json");
  return JSON.parse(stdout) as Answer;
}

async function until(home: Home, host: string, state: string): Promise<ElectrumPeer> {
  let found: ElectrumPeer | undefined;
  await waitFor(`${host} to be ${state}`, async () => {
    found = (await peersOf(home)).peers.find((peer) => peer.host === host && peer.state === state);
    return found !== undefined;
  });
  return found as ElectrumPeer;
}

test("one is told of the other, asks to be listed, and both tell wallets of both", async () => {
  expect(await until(second, FIRST, "good")).toMatchObject({ source: "seed", protocolMax: "1.6" });
  expect(await until(first, SECOND, "good")).toMatchObject({ source: "add_peer", address: SECOND });
  await until(first, FIRST, "good");
  await until(second, SECOND, "good");
  expect((await peersOf(first)).asked).toEqual({ accepted: 1, refused: 0 });

  const wallet = await RawClient.greeted({ carrier: "tcp", host: FIRST, port: ports[0] as number });
  const told = (await wallet.call("server.peers.subscribe")) as unknown[][];
  expect(told.map(([address]) => address).sort()).toEqual([FIRST, SECOND]);
  expect(told[0]).toEqual([FIRST, FIRST, ["v1.6", `t${ports[0]}`]]);
  wallet.close();
});

test("the operator sees the list, adds a server that is not there, and forgets it", async () => {
  const shown = await first.run("electrum", "peers");
  expect(shown.stdout).toMatch(
    /^HOST +STATE +PORTS[\s\S]*^127\.0\.0\.2 +good[\s\S]*^127\.0\.0\.3 +good .*add_peer/m,
  );

  expect((await first.run("electrum", "add-peer", "127.0.0.9", "t1")).stdout).toMatch(/is looked at now/);
  expect(await until(first, "127.0.0.9", "unreachable")).toMatchObject({
    source: "operator",
    reason: "ECONNREFUSED",
  });
  expect((await first.run("electrum", "forget-peer", "127.0.0.9")).stdout).toBe("127.0.0.9 is forgotten.\n");
  expect((await first.run("electrum", "forget-peer", "127.0.0.9")).stdout).toBe("127.0.0.9 was not known.\n");
  const nonsense = await first.run("electrum", "add-peer", "no server");
  expect([nonsense.exitCode, nonsense.stderr]).toEqual([
    1,
    expect.stringMatching(/names no Electrum server/),
  ]);

  const { doors = [] } = find((await first.tree()).root, "gateway") ?? {};
  const web = doors.find(({ name }) => name === "http")?.address;
  const { text } = await first.ask(`${web}/metrics`);
  expect(text).toMatch(/^troupe_gateway_electrum_peers\{[^}]*state="good"[^}]*\} 2$/m);
});

test("the list is kept when the program ends", async () => {
  await second.run("stop");
  const kept = JSON.parse(
    readFileSync(join(second.data, "actors", "gateway", "electrum-peers.json"), "utf8"),
  ) as { peers: { host: string; verdict: string }[] };
  expect(kept.peers).toMatchObject([{ host: FIRST, verdict: "good" }]);
});
