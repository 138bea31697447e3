/** A person of the bank pays an address outside by a coinjoin: chat, real XMPP server, makers of the sandbox, while the ledger and the taker die. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { childTextOf } from "../../actors/gateway/xmpp/link/element.ts";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { parseTransaction } from "../../bitcoin/transaction.ts";
import { CoinjoinBox } from "../harness/coinjoin/coinjoin-box.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Person } from "../harness/xmpp/person.ts";
import { COMPONENT_DOMAIN, COMPONENT_SECRET, Prosody } from "../harness/xmpp/prosody.ts";

const program = findProgram("prosody");
const WALLET = `wallet@${COMPONENT_DOMAIN}`;
/** A wallet that nobody has. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const ELSEWHERE_SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6";
const AMOUNT_SAT = 1_000_000;
const BURIED_BLOCKS = 5;

let folder: string;
let box: CoinjoinBox;
let prosody: Prosody;
let alice: Person | undefined;
beforeAll(async () => {
  if (program === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "troupe-mix-"));
  prosody = await Prosody.start(program, { accounts: ["alice"] });
}, 60_000);
afterAll(async () => {
  await alice?.offline().catch(() => undefined);
  await box?.close();
  await prosody?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

async function kill(id: string): Promise<void> {
  process.kill((await box.child(id)).pid as number, "SIGKILL");
}

/** What alice says to her bank. */
async function chat(words: string, wanted: RegExp): Promise<string> {
  return (await alice?.chatUntil(WALLET, words, wanted)) ?? "";
}

const told = (prefix: string) =>
  (alice?.received ?? [])
    .filter(({ attrs }) => attrs["id"]?.startsWith(prefix))
    .map((stanza) => childTextOf(stanza, "body", "") ?? "");

async function supervisor(...words: string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await box.home.run(...words, "--json");
  expect(exitCode, `${words.join(" ")}: ${stderr}`).toBe(0);
  return JSON.parse(stdout);
}

/** What alice has in the end, which is what a block pays. */
async function begin(): Promise<number> {
  const secretFile = join(folder, "xmpp-secret");
  writeFileSync(secretFile, COMPONENT_SECRET, { mode: 0o600 });
  box = await CoinjoinBox.start({
    makers: 2,
    makerCoins: [[30_000_000, 30_000_000]],
    takerCoins: [[100_000]],
    processes: ["ledger", "taker"],
    settings: {
      "ledger.registration": "open",
      "taker.makers_min": "2",
      // Who asks for more makers than there are waits no longer.
      "taker.gather_seconds": "5",
      "gateway.xmpp_server": `127.0.0.1:${prosody.componentPort}`,
      "gateway.xmpp_domain": COMPONENT_DOMAIN,
      "gateway.xmpp_secret_file": secretFile,
    },
  });
  const passwordFile = join(box.home.path, "password");
  writeFileSync(passwordFile, "correct horse\n", { mode: 0o600 });
  await supervisor("wallet", "create", "bank", "--password-file", passwordFile);
  const limits = ["--per-day", "5btc", "--per-payment", "1btc", "--fee-max", "100000"];
  await supervisor("xmpp", "open", "--wallet", "bank", ...limits, "--maker-fees-max", "50000");
  alice = await Person.online("alice", prosody);
  await chat("register alice", /holds the coins/);
  await chat("yes", /Welcome, alice/);
  const [address = ""] = /bcrt1\w+/.exec(await chat("receive", /bcrt1/)) ?? [];
  await box.mine(1, address);
  for (let turn = 0; turn < 10; turn++) await box.mine(10);
  const balance = await chat("balance", /You have [1-9]\d+ sat/);
  return Number(/You have (\d+) sat/.exec(balance)?.[1]);
}

test.skipIf(program === undefined)(
  "a payment by a coinjoin is priced, confirmed, made once whatever dies meanwhile, and booked for what it has cost",
  async () => {
    const hadSat = await begin();
    expect(await chat(`mix ${AMOUNT_SAT} 9 ${ELSEWHERE}`, /makers/)).toContain("Too few makers");

    const recap = await chat(`mix ${AMOUNT_SAT} 2 ${ELSEWHERE}`, /confirm \S+/);
    expect(recap).toContain("By a coinjoin with 2 makers");
    const mostSat = Number(/at most (\d+) sat \(/.exec(recap)?.[1]);
    const code = /confirm (\S+)/.exec(recap)?.[1] ?? "";
    await chat(`confirm ${code}`, /coinjoin that pays|Paid/);
    await kill("ledger");
    await kill("taker");
    await waitFor("the payment to be sent", () => told("ev-").some((text) => text.startsWith("Sent")));
    const sent = told("ev-").find((text) => text.startsWith("Sent")) ?? "";
    const [, feeText, order, txid = ""] =
      /fee (\d+) sat \(order (\w+)\)\. Transaction (\w+)/.exec(sent) ?? [];
    const feeSat = Number(feeText);
    expect(feeSat).toBeGreaterThan(0);
    expect(feeSat).toBeLessThanOrEqual(mostSat);
    expect(told("mx-").every((text) => text.includes(order ?? "?"))).toBe(true);

    const raw = String(await box.node("getrawtransaction", txid));
    const { outputs } = parseTransaction(hexToBytes(raw));
    const ofAmount = outputs.filter(({ amountSat }) => amountSat === BigInt(AMOUNT_SAT));
    expect(ofAmount).toHaveLength(3);
    const scripts = ofAmount.map(({ scriptPubKey }) => Buffer.from(scriptPubKey).toString("hex"));
    expect(scripts.filter((script) => script === ELSEWHERE_SCRIPT)).toHaveLength(1);
    await waitFor("books and wallet to agree", async () => {
      const { exitCode } = await box.home.run("xmpp", "reconcile", "--json");
      return exitCode === 0;
    });

    await box.mine(BURIED_BLOCKS);
    await waitFor("the payment to be confirmed", () =>
      told("ev-").some((text) => text.includes("is confirmed")),
    );
    const history = await chat("history", /by a coinjoin/);
    expect(history.match(/by a coinjoin/g)).toHaveLength(1);
    await chat("balance", new RegExp(`You have ${hadSat - AMOUNT_SAT - feeSat} sat`));
    await supervisor("xmpp", "reconcile");
  },
  400_000,
);
