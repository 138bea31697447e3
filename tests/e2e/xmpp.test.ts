/** The bank behind the chat door in a running sandbox, with a real XMPP server, while its programs die. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { element } from "../../actors/gateway/xmpp/link/element.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { Collector } from "../harness/tracing/collector.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Person } from "../harness/xmpp/person.ts";
import { COMPONENT_DOMAIN, COMPONENT_SECRET, Prosody } from "../harness/xmpp/prosody.ts";

const program = findProgram("prosody");

/** A wallet of ours that nobody has; coins that go there are gone. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const WALLET = `wallet@${COMPONENT_DOMAIN}`;
const COINBASE_SAT = 5_000_000_000;

let home: Home;
let prosody: Prosody;
let traces: Collector;
let people: Person[] = [];
beforeAll(async () => {
  if (program === undefined) return;
  home = new Home();
  traces = await Collector.listen();
  prosody = await Prosody.start(program, { accounts: ["alice", "bob"] });
});
afterAll(async () => {
  await Promise.all(people.map((person) => person.offline().catch(() => undefined)));
  people = [];
  await home?.close();
  await prosody?.stop();
  await traces?.close();
});

async function actor(id: string): Promise<ChildStatus> {
  const all = (node: ChildStatus): ChildStatus[] => [node, ...node.children.flatMap(all)];
  const found = all((await home.tree()).root).find((node) => node.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

/** As if the machine had run out of memory for it. Gives the process that is no more. */
async function kill(id: string): Promise<number> {
  const { pid } = await actor(id);
  process.kill(pid as number, "SIGKILL");
  return pid as number;
}

async function person(name: string): Promise<Person> {
  const online = await Person.online(name, prosody);
  people.push(online);
  return online;
}

test.skipIf(program === undefined)(
  "people register, are paid, pay each other and outside by chat, while gateway and ledger are killed; the books agree, and no secret is in a log or a trace",
  async () => {
    const secretFile = join(home.path, "xmpp-secret");
    writeFileSync(secretFile, COMPONENT_SECRET, { mode: 0o600 });
    const passwordFile = join(home.path, "password");
    writeFileSync(passwordFile, "correct horse\n", { mode: 0o600 });
    await home.start(
      "--sandbox",
      ...["--data", home.data],
      ...["--set", "sandbox.block_interval_ms=3600000"],
      ...["--set", "placement.ledger=process"],
      ...["--set", "placement.gateway=process"],
      ...["--set", "ledger.registration=open"],
      ...["--set", `gateway.xmpp_server=127.0.0.1:${prosody.componentPort}`],
      ...["--set", `gateway.xmpp_domain=${COMPONENT_DOMAIN}`],
      ...["--set", `gateway.xmpp_secret_file=${secretFile}`],
      ...["--set", "log.level=debug"],
      ...["--set", `telemetry.otlp_endpoint=${traces.endpoint}`],
    );
    const rpcUrl = (await actor("node")).doors?.[0]?.address ?? "";
    const cookie = join(home.data, "actors", "node", "regtest", ".cookie");
    const mine = (blocks: number, address: string) =>
      callNode(rpcUrl, cookie, "generatetoaddress", [blocks, address]);
    const supervisor = async (...words: string[]) => {
      const { exitCode, stdout, stderr } = await home.run(...words, "--json");
      expect(exitCode, `${words.join(" ")}: ${stderr}`).toBe(0);
      return JSON.parse(stdout);
    };
    await supervisor("wallet", "create", "bank", "--password-file", passwordFile);
    await supervisor("xmpp", "open", "--wallet", "bank", "--per-day", "5btc", "--per-payment", "1btc");

    const [alice, bob] = [await person("alice"), await person("bob")];
    await alice.chatUntil(WALLET, "register alice", /holds the coins/);
    const welcome = await alice.chatUntil(WALLET, "yes", /Welcome, alice/);
    await bob.chatUntil(WALLET, "register bob", /holds the coins/);
    await bob.chatUntil(WALLET, "yes", /Welcome, bob/);
    for (const type of ["subscribe", "subscribed"])
      await alice.send(element("presence", "", { to: WALLET, type }));
    const [address = ""] = /bcrt1\w+/.exec(await alice.chatUntil(WALLET, "receive rent", /bcrt1/)) ?? [];
    await mine(1, address);
    // By tens: many blocks in one go keep a busy machine's node from its heartbeat.
    for (let turn = 0; turn < 10; turn++) await mine(10, ELSEWHERE);
    await alice.chatUntil(WALLET, "balance", new RegExp(`You have ${COINBASE_SAT}`));

    const recap = await alice.chatUntil(`bob@${COMPONENT_DOMAIN}`, "pay 150000 beer", /confirm \S+/);
    const code = /confirm (\S+)/.exec(recap)?.[1] ?? "";
    await kill("ledger");
    await alice.chatUntil(WALLET, `confirm ${code}`, /Paid 150000 sat to bob/);
    await bob.chatUntil(WALLET, "balance", /You have 150000 sat/);

    const outside = await alice.chatUntil(WALLET, `pay ${ELSEWHERE} 250000`, /confirm \S+/);
    const second = /confirm (\S+)/.exec(outside)?.[1] ?? "";
    // Its answer may be lost with the gateway, or the question; the payment is one.
    const lastWords = element("body", "", {}, `confirm ${second}`);
    await alice.send(element("message", "", { to: WALLET, type: "chat", id: "last-words" }, lastWords));
    const killed = await kill("gateway");
    const seen = alice.received.length;
    // What the server sends to a program that is just dying is lost, and nobody is told.
    await waitFor("another gateway", async () => (await actor("gateway")).pid !== killed);
    await alice.first(
      ({ name, attrs }) => name === "presence" && attrs["from"] === WALLET && attrs["type"] === undefined,
      seen,
    );
    await alice.chatUntil(WALLET, `confirm ${second}`, /Paid 250000 sat|on its way/);
    await kill("ledger");
    await mine(1, ELSEWHERE);
    const history = await alice.chatUntil(WALLET, "history", /confirmation/);
    expect(history.match(/250\d{3} sat to/g)).toHaveLength(1);

    await waitFor("books and wallet to agree", async () => {
      const { exitCode } = await home.run("xmpp", "reconcile", "--json");
      return exitCode === 0;
    });
    expect((await supervisor("xmpp", "users")).users).toHaveLength(2);

    await home.run("stop");
    const logs = join(home.data, "logs");
    const written = readdirSync(logs).map((file) => readFileSync(join(logs, file), "latin1"));
    const traced = Buffer.concat(traces.bodies).toString("latin1");
    expect(traced).toContain("ledger");
    const recovery = /only once: (\S+)/.exec(welcome)?.[1] ?? "";
    for (const secret of [COMPONENT_SECRET, "correct horse", code, second, recovery]) {
      expect(secret.length).toBeGreaterThan(5);
      for (const text of [...written, traced]) expect(text.includes(secret), secret).toBe(false);
    }
  },
  240_000,
);
