/** What a person does first in a sandbox with money in it: the commands that it prints, as printed, and those one finds next. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home, type Spawned } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { ElectrumWallet } from "../harness/gateway/electrum-wallet.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Of nobody here: where a tumble may end. */
const OTHERS = [
  "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
  "bcrt1q4794m2uuw9jmjszmplfj4wvvr5j272fpmfgxur",
];
const electrum = findProgram("electrum");

let home: Home;
let others: ElectrumWallet | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await others?.remove();
  others = undefined;
  await home.close();
});

/** Blocks come by themselves, as `npm start` has it. */
async function start(): Promise<{
  readonly sandbox: Spawned;
  readonly printed: ReadonlyMap<string, string>;
}> {
  const sandbox = await home.start(
    ...["--sandbox", "--data", home.data],
    ...["--set", "sandbox.wallets=true"],
    ...["--set", "sandbox.block_interval_ms=2000"],
  );
  await sandbox.says(/^ {2}stop .*stop --data .*$/m);
  const lines = sandbox.printed.split("\n").map((line) => /^ {2}(\w+) +(.+)$/.exec(line));
  return {
    sandbox,
    printed: new Map(lines.flatMap((line) => (line ? [[line[1] ?? "", line[2] ?? ""]] : []))),
  };
}

/** The words behind the program's name. */
function wordsOf(command: string | undefined): string[] {
  const words = (command ?? "").replace(/^.*?\bsupervisor /, "").split(" ");
  expect(words.length, `a command: ${command}`).toBeGreaterThan(1);
  return words;
}

async function done(...words: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await home.run(...words);
  expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: "" });
  return stdout;
}

async function json<A>(...words: string[]): Promise<A> {
  return JSON.parse(await done(...words, "--json")) as A;
}

test("each command that a sandbox prints works as printed", async () => {
  const { sandbox, printed } = await start();
  const typed = (label: string) => done(...wordsOf(printed.get(label)));

  expect(await typed("market")).toContain("3 makers, 3 offers.");
  expect(await typed("mix")).toMatch(/^Sent: [0-9a-f]{64}$/m);
  expect(await typed("earn")).toMatch(/maker-3 earns as J5/);
  expect(await typed("money")).toMatch(/^mine {2}5\.99 99\d \d{3} BTC/m);
  expect(await typed("history")).toMatch(/cj internal/);
  expect(await typed("receive")).toMatch(/bcrt1q[0-9a-z]{38}/);
  expect(await typed("look")).toMatch(/walletd +ready/);
  const payment = home.atTerminal(...wordsOf(printed.get("pay")));
  await payment.answer(/Send it\?/, "y");
  expect((await payment.ended).stdout).toMatch(/Sent: [0-9a-f]{64}/);
  const logs = home.spawn(...wordsOf(printed.get("logs")));
  await logs.says(/a coinjoin is on the network/);
  logs.kill("SIGINT");
  await logs.ended;
  await typed("stop");
  expect((await sandbox.ended).exitCode).toBe(0);
}, 300_000);

test("what is found next works too: asked before it mixes, bonds, tumbles, other wallets' coins, the directory", async () => {
  const { sandbox } = await start();
  const place = ["--data", home.data];
  const mine = ["--wallet", "mine", ...place];

  const [destination = ""] = OTHERS;
  const wish = ["coinjoin", "--amount", "0.1btc", "--makers", "2", "--to", destination, ...mine];
  const asked = home.atTerminal(...wish);
  await asked.answer(/Begin the coinjoin\?/, "n");
  expect((await asked.ended).stdout).not.toContain("Setting coins aside");
  const meant = home.atTerminal(...wish);
  await meant.answer(/Begin the coinjoin\?/, "y");
  const sent = /Sent: ([0-9a-f]{64})/.exec((await meant.ended).stdout)?.[1] ?? "";
  expect(await done("history", ...mine)).toContain(sent);
  if (electrum !== undefined) {
    // Electrum takes a server of its file for one with TLS, whatever is written there.
    const server = `${/tls:\/\/(\S+)/.exec(sandbox.printed)?.[1] ?? ""}:s`;
    others = await ElectrumWallet.start({ program: electrum, secret: destination, servers: [server] });
    const theirs = others;
    await waitFor("a real Electrum wallet to see the coinjoin in a block", async () => {
      const { transactions } = await theirs.call<{ transactions: { txid: string; confirmations: number }[] }>(
        "onchain_history",
      );
      return transactions.some(({ txid, confirmations }) => txid === sent && confirmations > 0);
    });
  }

  expect(await done("bond", "value", "2099-01", "0.2btc", ...place)).toMatch(/would weigh \d/);
  expect(await done("bond", "make", "2099-01", "0.2btc", "--yes", ...mine)).toMatch(/Sent: [0-9a-f]{64}/);
  await waitFor("the bond's weight", async () => /weight \d/.test(await done("bond", "list", ...mine)));

  const schedule = join(home.path, "slow.schedule");
  const drawn = await done("tumble", "plan", "--to", ...OTHERS, "--write", schedule, ...mine);
  expect(drawn).toMatch(/coinjoins/);
  const [begun, stopped] = [
    await json<{ id: string }>("tumble", "start", "--schedule", schedule, "--yes", ...mine),
    await json<{ id: string }>("tumble", "stop", ...mine),
  ];
  expect(stopped.id).toBe(begun.id);
  expect(await done("tumble", "status", ...mine)).toMatch(/stopped|ended/i);

  const password = join(home.path, "password");
  writeFileSync(password, "sandbox\n", { mode: 0o600 });
  const lent = ["--from-wallet", "maker-1", "--from-password-file", password];
  const looked = await done("coinjoin", "commitments", "add", ...lent, "--check", ...mine);
  expect(looked).toMatch(/would stand[\s\S]*Nothing was added\./);
  expect(await done("coinjoin", "commitments", "list", ...mine)).not.toContain("3 of 3");
  await done("coinjoin", "commitments", "add", ...lent, ...mine);
  expect(await done("coinjoin", "commitments", "list", ...mine)).toContain("3 of 3");

  const { peers } = await json<{ peers: { nick: string }[] }>("directory", "peers", ...place);
  const nick = peers[0]?.nick ?? "";
  await done("directory", "ban", nick, ...place);
  await waitFor("the one who is banned to be gone", async () => {
    const now = await json<{ peers: { nick: string }[] }>("directory", "peers", ...place);
    return now.peers.every((peer) => peer.nick !== nick);
  });
  expect(await done("directory", "bans", ...place)).toContain(nick);
  expect(await done("directory", "unban", nick, ...place)).toContain("may come in again");
}, 300_000);
