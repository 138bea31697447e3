/** The bank's operator at the built program: who is let in, what each may pay, and the books, beside people at a real XMPP server. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { EXIT } from "../../cli/errors.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { Person } from "../harness/xmpp/person.ts";
import { COMPONENT_DOMAIN, COMPONENT_SECRET, Prosody } from "../harness/xmpp/prosody.ts";

const program = findProgram("prosody");
const WALLET = `wallet@${COMPONENT_DOMAIN}`;
/** Nobody's. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const COINBASE_SAT = 5_000_000_000;

let home: Home;
let prosody: Prosody;
const people: Person[] = [];
beforeAll(async () => {
  if (program === undefined) return;
  home = new Home();
  prosody = await Prosody.start(program, { accounts: ["alice", "bob"] });
});
afterAll(async () => {
  await Promise.all(people.map((person) => person.offline().catch(() => undefined)));
  await home?.close();
  await prosody?.stop();
});

async function person(name: string): Promise<Person> {
  const online = await Person.online(name, prosody);
  people.push(online);
  return online;
}

async function printed(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await home.run("xmpp", ...words);
  expect(exitCode, `${words.join(" ")}: ${stderr}`).toBe(EXIT.ok);
  return stdout;
}

async function json(...words: string[]) {
  return JSON.parse(await printed(...words, "--json"));
}

/** What is said when it does not work, and nothing on the other side of the pipe. */
async function refused(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await home.run("xmpp", ...words);
  expect(exitCode, words.join(" ")).not.toBe(EXIT.ok);
  expect(stdout).toBe("");
  return stderr;
}

async function mine(blocks: number, address: string): Promise<void> {
  const all = (node: ChildStatus): ChildStatus[] => [node, ...node.children.flatMap(all)];
  const node = all((await home.tree()).root).find(({ id }) => id === "node");
  const cookie = join(home.data, "actors", "node", "regtest", ".cookie");
  await callNode(node?.doors?.[0]?.address ?? "", cookie, "generatetoaddress", [blocks, address]);
}

test.skipIf(program === undefined)(
  "the operator sees who waits, lets people in, sets what they may pay, and reads the books, in lines and in JSON",
  async () => {
    const secretFile = join(home.path, "xmpp-secret");
    writeFileSync(secretFile, COMPONENT_SECRET, { mode: 0o600 });
    const passwordFile = join(home.path, "password");
    writeFileSync(passwordFile, "correct horse\n", { mode: 0o600 });
    await home.start(
      "--sandbox",
      ...["--data", home.data],
      ...["--set", "sandbox.block_interval_ms=3600000"],
      ...["--set", "placement.ledger=stage:main"],
      ...["--set", `gateway.xmpp_server=127.0.0.1:${prosody.componentPort}`],
      ...["--set", `gateway.xmpp_domain=${COMPONENT_DOMAIN}`],
      ...["--set", `gateway.xmpp_secret_file=${secretFile}`],
    );
    const created = await home.run("wallet", "create", "bank", "--password-file", passwordFile, "--json");
    expect(created.exitCode, created.stderr).toBe(EXIT.ok);
    await printed("open", "--wallet", "bank", "--per-day", "5btc", "--per-payment", "1btc");
    expect(await printed("users")).toBe("There is no such account.\n");
    expect(await printed("ledger")).toBe("Nothing is booked yet.\n");
    expect(await json("ledger")).toEqual({ accounts: [], total: 0, entries: [] });

    const [alice, bob] = [await person("alice"), await person("bob")];
    for (const [who, name] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      await who.chatUntil(WALLET, `register ${name}`, /holds the coins/);
      await who.chatUntil(WALLET, "yes", /An admin has to approve/);
    }
    const linesOf = async (...words: string[]) => (await printed(...words)).trimEnd().split("\n");
    expect((await linesOf("users")).map((line) => line.trim().split(/ {2,}/).slice(0, 4))).toEqual([
      ["NO", "NAME", "JID", "STATE"],
      ["2", "bob", "bob@example.test", "waiting"],
      ["1", "alice", "alice@example.test", "waiting"],
    ]);
    expect(await json("users", "--state", "open")).toMatchObject({ total: 0, users: [] });
    expect(await json("users", "--search", "ALI")).toMatchObject({
      total: 1,
      users: [{ username: "alice" }],
    });
    expect(await refused("users", "--state", "asleep")).toContain(
      'waiting, open, frozen, closed, not "asleep"',
    );
    expect(await alice.chat(WALLET, "receive")).toContain("An admin has to approve of your account first");

    expect(await refused("approve", "nobody")).toContain("There is no such account.");
    expect(await printed("approve", "alice")).toBe("alice may pay and be paid.\n");
    expect(await json("approve", "bob@example.test")).toMatchObject({ username: "bob", state: "open" });
    const [address = ""] = /bcrt1\w+/.exec(await alice.chatUntil(WALLET, "receive", /bcrt1/)) ?? [];
    await mine(1, address);
    for (let turn = 0; turn < 10; turn++) await mine(10, ELSEWHERE);
    await alice.chatUntil(WALLET, "balance", new RegExp(`You have ${COINBASE_SAT}`));

    const strong = "from 5,000,000 sat on with the second factor";
    expect(await printed("limits", "alice")).toBe(
      `alice may pay 10,000,000 sat at once and 20,000,000 sat a day (20,000,000 sat left); ${strong}\n`,
    );
    expect(await refused("limits", "alice", "--payment", "much")).toContain('"much" is no amount');
    expect(await printed("limits", "alice", "--payment", "2000", "--day", "0.00005btc")).toBe(
      `alice may pay 2,000 sat at once and 5,000 sat a day (5,000 sat left); ${strong}\n`,
    );
    expect(await alice.chatUntil(WALLET, "pay bob 2001", /at most|confirm/)).toBe(
      "One payment may have at most 2000 sat.",
    );
    const recap = await alice.chatUntil(WALLET, "pay bob 1500 beer", /confirm \S+/);
    await alice.chatUntil(WALLET, `confirm ${/confirm (\S+)/.exec(recap)?.[1]}`, /Paid 1500 sat to bob/);
    expect(await json("limits", "1")).toMatchObject({ username: "alice", leftTodaySat: 3_500 });
    expect(await json("limits", "bob")).toMatchObject({ leftTodaySat: 20_000_000 });

    const aliceSat = COINBASE_SAT - 1_500;
    const transfer = [
      { account: "user:1:avail", sat: 1_500 },
      { account: "user:2:avail", sat: -1_500 },
    ];
    expect((await json("users")).users).toMatchObject([{ availableSat: 1_500 }, { availableSat: aliceSat }]);
    expect(await json("ledger")).toMatchObject({
      accounts: [
        { account: "chain:custody", sat: COINBASE_SAT },
        { account: "people:avail", sat: -COINBASE_SAT },
      ],
      total: 2,
      entries: [
        { entry: 2, kind: "transfer", postings: transfer },
        { entry: 1, kind: "deposit" },
      ],
    });
    const books = await printed("ledger");
    for (const line of [
      /^ACCOUNT +DEBIT +CREDIT$/m,
      /^chain:custody +50\.00 000 000$/m,
      /^people:avail +50\.00 000 000$/m,
      /^ +2 +\S+ \S+ +transfer +user:1:avail \+1500, user:2:avail -1500$/m,
      /^ +1 +\S+ \S+ +deposit +chain:custody \+5000000000, user:1:avail -5000000000$/m,
    ])
      expect(books).toMatch(line);
    const bobs = await json("ledger", "--account", "user:2:avail");
    expect(bobs).toMatchObject({ total: 1, entries: [{ entry: 2 }] });
    expect(await printed("ledger", "--lines", "1")).toContain("1 more: --lines");
    expect(await refused("ledger", "--lines", "none")).toContain("--lines");

    const acts = (await json("audit")).acts.map(
      ({ by, act, about }: { by: string; act: string; about: string }) => `${by} ${act} ${about}`,
    );
    expect(acts).toEqual(
      ["limit alice", "approve bob", "approve alice", "open bank"].map((act) => `operator ${act}`),
    );
    expect(await printed("reconcile")).toContain("Books and wallet agree.");
  },
  240_000,
);
